"""Under what a result was obtained: as much of it as is known without importing torch."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from recipe_kb import __version__
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.resolve.recipe_hash import recipe_hash

PACKAGES = ("torch", "transformers", "accelerate", "peft", "bitsandbytes")
"""Packages whose version can change a result."""


def fingerprint(request: ProbeRequest) -> dict[str, Any]:
    """Describe recipe, code, packages and machine.

    Args:
        request: What is probed.

    Returns:
        JSON values, none of which names a person's folders; a package that is not installed is None.
        The child adds the GPU's part.
    """
    return {
        "recipe_sha256": recipe_hash(request.recipe),
        "recipe_kb": __version__,
        "code_version": request.code_version,
        "weights": request.weights.name if request.weights else "random",
        **{name: package_version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
        "cpu": _cpu_name(),
        "num_cores": os.cpu_count(),
    }


def package_version(package: str) -> str | None:
    """Return the version of an installed package; None if there is none."""
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
