"""What the facts of a GPU mean for memory: the numbers that size its buffers, its context, its attention kernel.

A card that is known by its size alone (`vram-8gb`) has no facts; kb/cuda.yaml says what it counts as.
"""

from dataclasses import dataclass
from typing import Literal

from recipe_kb.memory.device import Device
from recipe_kb.schema.cuda import Cuda
from recipe_kb.schema.gpu import Gpu
from recipe_kb.units import MIB

TORCH = "2.13"
"""The version of torch whose kernels and workspaces are predicted."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """Memory of a process outside what the allocator reserves.

    Attributes:
        low_bytes: Lower end of the range.
        high_bytes: Upper end.
        measured: Both ends are readings of this very GPU; else at least one end is estimated.
        sources: Ids in kb/sources.yaml.
    """

    low_bytes: int
    high_bytes: int
    measured: bool
    sources: tuple[str, ...]


def device_of(gpu: Gpu | None, cuda: Cuda) -> Device:
    """Return the numbers that kernels size their buffers by.

    Args:
        gpu: None for a card known by its size alone, which counts as `cuda.unknown_gpu`.
        cuda: Constants of CUDA.
    """
    card = gpu or cuda.unknown_gpu
    return Device(
        sm_count=card.sm_count,
        max_threads_per_sm=cuda.max_threads_per_sm.values[card.compute_capability],
        workspace_bytes=cuda.workspace.torch[TORCH].bytes_on(card.compute_capability),
    )


def context_of(gpu_id: str, gpu: Gpu | None, cuda: Cuda) -> Context:
    """Return how much memory the context of a process takes.

    A reading taken right after CUDA started is a lower bound, so its upper end is the estimate's.
    A card known by its size alone can be any: from the lowest reading of all to the estimate of `cuda.unknown_gpu`.

    Args:
        gpu_id: Finds the GPU's own readings.
        gpu: None for a card known by its size alone.
        cuda: Readings, and the line for GPUs without any.
    """
    card = gpu or cuda.unknown_gpu
    line = cuda.context.line
    middle = line.middle_mib(cuda.threads(card.compute_capability, card.sm_count))
    low, high = (end * middle for end in line.spread)
    reading = cuda.context.gpus.get(gpu_id)
    if gpu is None:
        lowest = min(cuda.context.gpus.values(), key=lambda one: one.mib[0])
        return _context(lowest.mib[0], high, measured=False, sources=(*lowest.sources, *line.sources))
    if reading is None:
        return _context(low, high, measured=False, sources=line.sources)
    low, measured_high = reading.mib
    if reading.stage == "running":
        return _context(low, measured_high, measured=True, sources=reading.sources)
    return _context(low, max(measured_high, high), measured=False, sources=(*reading.sources, *line.sources))


def best_sdpa_kernel(gpu: Gpu | None) -> Literal["flash", "efficient"]:
    """Return the best kernel of scaled dot product attention; every card has the memory-efficient one."""
    return "flash" if gpu is not None and gpu.supports.sdpa_flash else "efficient"


def _context(low_mib: float, high_mib: float, *, measured: bool, sources: tuple[str, ...]) -> Context:
    return Context(low_bytes=int(low_mib * MIB), high_bytes=int(high_mib * MIB), measured=measured, sources=sources)
