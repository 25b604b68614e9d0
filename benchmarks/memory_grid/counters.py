"""Counters of the GPU and of the allocator, in the child only; all sizes in bytes."""

import os
from collections.abc import Callable
from typing import Any

import torch

_PEAKS = {
    "peak_allocated_bytes": "allocated_bytes.all.peak",  # torch.cuda.max_memory_allocated
    "peak_reserved_bytes": "reserved_bytes.all.peak",  # torch.cuda.max_memory_reserved
    "peak_requested_bytes": "requested_bytes.all.peak",  # before rounding to blocks
    "peak_small_pool_reserved_bytes": "reserved_bytes.small_pool.peak",
}
_COUNTS = ("num_alloc_retries", "num_ooms", "num_device_alloc", "num_device_free")


class Nvml:
    """What the driver says of the one GPU in `CUDA_VISIBLE_DEVICES`, without creating a CUDA context.

    Attributes:
        not_measured: Why a figure was None when it was last read, by its name.
    """

    def __init__(self) -> None:
        self.not_measured: dict[str, str] = {}
        try:
            import pynvml

            pynvml.nvmlInit()
            self._nvml: Any = pynvml
            self._handle = _handle(pynvml, os.environ.get("CUDA_VISIBLE_DEVICES", "0"))
        except Exception as error:  # noqa: BLE001 - NVML missing, forbidden, of another version: all the same here
            self._nvml = None
            self.not_measured = dict.fromkeys(("device_used_bytes", "process_used_bytes"), f"NVML: {error}")

    def read(self) -> dict[str, int | None]:
        """Return `device_used_bytes`, of all processes, and `process_used_bytes`, of this one."""
        return {
            "device_used_bytes": self._ask("device_used_bytes", self._device_used),
            "process_used_bytes": self._ask("process_used_bytes", self._process_used),
        }

    def _ask(self, name: str, question: Callable[[], int | None]) -> int | None:
        if self._nvml is None:
            return None
        try:
            answer = question()
        except Exception as error:  # noqa: BLE001 - as above
            self.not_measured[name] = f"NVML: {error}"
            return None
        if answer is None:
            self.not_measured[name] = "NVML lists no such figure of this process: none yet, or another namespace"
        else:
            self.not_measured.pop(name, None)
        return answer

    def _device_used(self) -> int:
        return int(self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used)

    def _process_used(self) -> int | None:
        processes = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        used = {process.pid: process.usedGpuMemory for process in processes}
        return used.get(os.getpid())


def _handle(pynvml: Any, visible: str) -> Any:
    """Find the GPU that torch calls 0; `CUDA_DEVICE_ORDER=PCI_BUS_ID` makes both count alike."""
    if visible.isdigit():
        return pynvml.nvmlDeviceGetHandleByIndex(int(visible))
    return pynvml.nvmlDeviceGetHandleByUUID(visible)


def read_all(nvml: Nvml) -> dict[str, int | None]:
    """Read what is in use now, in a process that has a CUDA context.

    Returns:
        NVML's two figures; `cuda_used_bytes`, total minus free as `cudaMemGetInfo` has them, of all processes;
        `allocated_bytes` and `reserved_bytes` of torch's allocator.
    """
    torch.cuda.synchronize()
    free, total = torch.cuda.mem_get_info()
    return {
        **nvml.read(),
        "cuda_used_bytes": total - free,
        "allocated_bytes": torch.cuda.memory_allocated(),
        "reserved_bytes": torch.cuda.memory_reserved(),
    }


def read_peaks() -> dict[str, int]:
    """Return the allocator's peaks since the last `torch.cuda.reset_peak_memory_stats`."""
    stats = torch.cuda.memory_stats()
    return {name: int(stats[key]) for name, key in _PEAKS.items()}


def read_counts() -> dict[str, int]:
    """Return how often the allocator retried, gave up, and called the driver, since the process began."""
    stats = torch.cuda.memory_stats()
    return {name: int(stats[name]) for name in _COUNTS}
