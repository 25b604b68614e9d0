"""Counters of this process and its GPU; in the child only, because it imports torch."""

import os
import sys
from typing import Any

import torch

from recipe_kb.probe.messages import Telemetry
from recipe_kb.probe.plan import Device


def reset_peaks(device: Device) -> None:
    """Forget the peaks so far: building the network is not what a recipe is asked about."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()


def read_telemetry(device: Device) -> Telemetry:
    """Read all counters, at the end of a run.

    Args:
        device: Where it ran.

    Returns:
        Peaks since `reset_peaks`, in bytes. `device_used_bytes` is NVML's for the whole GPU, one reading: the
        allocator has kept what it reserved, so the reading holds the peak, and other processes' memory with it.
    """
    not_measured: dict[str, str] = {}
    values: dict[str, int | None] = {"process_peak_rss_bytes": _peak_rss_bytes(not_measured)}
    if device == "cuda":
        stats = torch.cuda.memory_stats()
        values["peak_allocated_bytes"] = torch.cuda.max_memory_allocated()
        values["peak_reserved_bytes"] = torch.cuda.max_memory_reserved()
        values["num_alloc_retries"] = stats["num_alloc_retries"]
        values["device_used_bytes"] = _device_used_bytes(not_measured)
    else:
        names = ("peak_allocated_bytes", "peak_reserved_bytes", "num_alloc_retries", "device_used_bytes")
        not_measured |= dict.fromkeys(names, "no CUDA device in use")
    return Telemetry(**values, not_measured=not_measured)


def gpu_fingerprint(device: Device) -> dict[str, Any]:
    """Describe the GPU and what drives it; empty on a CPU."""
    if device == "cpu":
        return {"torch_num_threads": torch.get_num_threads()}
    properties = torch.cuda.get_device_properties()
    return {
        "gpu": properties.name,
        "gpu_total_bytes": properties.total_memory,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "driver": _driver_version(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        # The new name of the variable wins over the old one, as in torch itself.
        "allocator": os.environ.get("PYTORCH_ALLOC_CONF") or os.environ.get("PYTORCH_CUDA_ALLOC_CONF"),
    }


def _device_used_bytes(not_measured: dict[str, str]) -> int | None:
    try:
        used: int = torch.cuda.device_memory_used()
    except Exception as error:  # noqa: BLE001 - NVML missing, forbidden (MIG), of another version: all the same here
        not_measured["device_used_bytes"] = f"NVML: {error}"
        return None
    return used


def _driver_version() -> str | None:
    try:
        import pynvml

        pynvml.nvmlInit()
        driver: str = pynvml.nvmlSystemGetDriverVersion()
    except Exception:  # noqa: BLE001 - None is what the record says then
        return None
    return driver


def _peak_rss_bytes(not_measured: dict[str, str]) -> int | None:
    if sys.platform == "win32":
        not_measured["process_peak_rss_bytes"] = "no getrusage on Windows"
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, KiB on Linux
