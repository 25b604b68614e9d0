"""The shortest time that an optimizer step can take on a GPU: the roofline, which no kernel can beat."""

from dataclasses import dataclass
from typing import Literal

from recipe_kb.memory.step import UPDATES, Step
from recipe_kb.schema.base import Precision
from recipe_kb.schema.gpu import Gpu

_TERA = 1e12
_GIGA = 1e9
_MOVES = 2
"""How often weights, gradients and the optimizer's state are moved in one step at least: weights and state are read and
written back, gradients written and read."""


@dataclass(frozen=True, kw_only=True)
class Floor:
    """Lower bounds of one optimizer step.

    Attributes:
        seconds: The larger of the two bounds.
        compute_s: Floating point operations over the dense peak.
        memory_s: Bytes that must move over the bandwidth.
        bound: Which of the two it is.
        peak_tflops: The dense peak that was taken.
    """

    seconds: float
    compute_s: float
    memory_s: float
    bound: Literal["compute", "memory"]
    peak_tflops: float


def floor(step: Step, gpu: Gpu, *, precision: Precision, tf32: bool, accumulation: int) -> Floor | None:
    """Return the roofline of an optimizer step.

    Args:
        step: One micro-batch, with what it allocates.
        gpu: Peaks and bandwidth.
        precision: Of the matrix products.
        tf32: Whether float32 products may use TF32.
        accumulation: Micro-batches per step.

    Returns:
        None where the GPU has no published peak for this precision.
    """
    peaks = gpu.dense_peak_tflops
    peak = peaks.tf32 if precision == "fp32" and tf32 and peaks.tf32 else getattr(peaks, precision)
    if peak is None:
        return None
    compute = accumulation * step.flops / (peak * _TERA)
    moved = _MOVES * (step.total_bytes("weights", "gradients") + _state_bytes(step))
    memory = moved / (gpu.bandwidth_gb_s * _GIGA)
    return Floor(
        seconds=max(compute, memory),
        compute_s=compute,
        memory_s=memory,
        bound="compute" if compute >= memory else "memory",
        peak_tflops=peak,
    )


def _state_bytes(step: Step) -> int:
    """Return what the optimizer keeps from step to step; its temporary buffers need not leave the caches."""
    events = [event for part in UPDATES for event in step.parts.get(part, ())]
    freed = {~event for event in events if event < 0}
    kept = (event for event in events if event >= 0 and event not in freed)
    return sum(step.num_bytes[storage] for storage in kept if step.categories[storage] == "optimizer")
