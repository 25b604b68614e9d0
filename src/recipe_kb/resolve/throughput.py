"""What a claimed throughput means: how much of the card's dense peak it would take."""

from dataclasses import dataclass

from recipe_kb.memory.stored import Cell
from recipe_kb.resolve.traced import counted_length, read_step
from recipe_kb.schema.claim import Claim
from recipe_kb.store.store import Store

_RATES = ("sps", "samples_per_s")
"""Numbers of a claim that are samples per second."""
_CELL = Cell(method="full", precision="bf16", attention="sdpa", checkpointing=False)
"""The step with the fewest operations among those that train all weights: nothing is computed twice."""
_TERA = 1e12
_ROWS = 8
"""Operations are the same for every row; any batch would do."""


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """A claimed rate against the card.

    Attributes:
        samples_per_s: The highest rate that the claim states.
        flops_per_sample: Of a forward and backward pass; a multiply-add is two.
        peak_tflops: The card's highest dense peak at 16 or more bits.
        share_of_peak: Over 1 no kernel can do it.
    """

    samples_per_s: float
    flops_per_sample: int
    peak_tflops: float
    share_of_peak: float


def throughput_of(store: Store, claim: Claim) -> Throughput | None:
    """Return what the throughput of a claim implies.

    Returns:
        None if the claim states none, if it leaves card, model or length open, or if no step of the model is stored.

    Raises:
        BadInputError: A stored step cannot be read.
    """
    rates = [rate for name in _RATES for rate in _numbers(claim.numbers.get(name))]
    context = claim.context
    if not rates or context.gpu is None or not context.model or not context.max_length or len(context.max_length) > 1:
        return None
    flops = _flops_per_sample(store, context.model[0], context.max_length[0])
    if flops is None:
        return None
    peaks = store.gpu(context.gpu).dense_peak_tflops
    peak = max(value for value in (peaks.fp32, peaks.tf32, peaks.fp16, peaks.bf16) if value is not None)
    share = max(rates) * flops / (peak * _TERA)
    return Throughput(samples_per_s=max(rates), flops_per_sample=flops, peak_tflops=peak, share_of_peak=share)


def _flops_per_sample(store: Store, model: str, length: int) -> int | None:
    record = store.memory(model)
    if record is None or str(_CELL) not in record["steps"]:
        return None
    step = read_step(record["steps"], str(_CELL), store.shown(store.memory_path(model)))
    return step.at(_ROWS, counted_length(length)).flops // _ROWS


def _numbers(value: object) -> list[float]:
    """Return a number, or both ends of a range."""
    values = value if isinstance(value, list) else [value]
    return [float(one) for one in values if isinstance(one, int | float)]
