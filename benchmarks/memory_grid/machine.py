"""What the results were obtained on; asked in a child, because the question touches CUDA."""

import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from recipe_kb.probe.fingerprint import PACKAGES
from recipe_kb.probe.telemetry import gpu_fingerprint

ENVIRONMENT = (
    "CUBLAS_WORKSPACE_CONFIG",
    "CUBLASLT_WORKSPACE_SIZE",
    "CUDA_MODULE_LOADING",
    "NVIDIA_TF32_OVERRIDE",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_NO_CUDA_MEMORY_CACHING",
    "TORCH_BLAS_PREFER_CUBLASLT",
)
"""Variables that change how much memory CUDA and torch take; None where they are not set."""


def describe(task: dict[str, Any], wait_for_turn: Callable[[], None]) -> dict[str, Any]:
    """Describe the GPU, the packages and the variables.

    Args:
        task: `device`, where the results will come from.
        wait_for_turn: Returns when this process may use the GPU.

    Returns:
        JSON values; `gpu` is None if torch can use no NVIDIA GPU or should not.
    """
    wait_for_turn()
    gpu: dict[str, Any] = {"gpu": None}
    if task["device"] == "cuda" and torch.version.cuda and torch.cuda.is_available():
        gpu = gpu_fingerprint("cuda")
    return {
        "verdict": "described",
        "machine": {
            **gpu,
            "python": platform.python_version(),
            "packages": {name: _version(name) for name in PACKAGES},
            "environment": {name: os.environ.get(name) for name in ENVIRONMENT},
        },
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
