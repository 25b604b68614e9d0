"""Under what a result was obtained: as much of it as is known without importing torch."""

import hashlib
import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from recipe_kb import __version__
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.schema.recipe import Recipe

PACKAGES = ("torch", "transformers", "accelerate", "peft", "bitsandbytes")
"""Packages whose version can change a result."""


def fingerprint(request: ProbeRequest) -> dict[str, Any]:
    """Describe recipe, code, packages and machine.

    Args:
        request: What is probed.

    Returns:
        JSON values; a package that is not installed is None. The child adds the GPU's part.
    """
    return {
        "recipe_sha256": recipe_hash(request.recipe),
        "recipe_kb": __version__,
        "code_version": request.code_version,
        "weights": str(request.weights) if request.weights else "random",
        **{name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "num_cores": os.cpu_count(),
    }


def recipe_hash(recipe: Recipe) -> str:
    """Return the SHA-256 of the recipe's content as canonical JSON: any change of it makes evidence out of date."""
    canonical = json.dumps(asdict(recipe), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_name() -> str:
    """Name the processor; `platform.processor()` is empty on most Linux systems."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
