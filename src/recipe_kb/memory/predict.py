"""From a step to an answer: will it fit, what fills the memory, which batch would fit, how sure is that.

No torch is needed here: the step was traced before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from recipe_kb.memory.allocator import CudaOutOfMemory
from recipe_kb.memory.device import Device
from recipe_kb.memory.disturbed import disturbed, replay_anyway, reserved_bytes
from recipe_kb.memory.gpu import Context
from recipe_kb.memory.replay import Peak
from recipe_kb.memory.schedule import Plan, Run, schedule
from recipe_kb.memory.shape import ShapedStep
from recipe_kb.memory.step import Step

MARGIN = 0.05
"""Share of the predicted peak that must stay free: what a real run may take more than its prediction."""
UNCERTAINTY = 0.02
"""Half width of the interval around the replays: the error on published runs of fixed length (see the benchmark)."""
_MOST_ROWS = 4096


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a step.

    Attributes:
        step: The step at every batch and length.
        update: Another optimizer than the step's own.
        rows: Micro-batch.
        length: Tokens of the longest row.
        draws: Lengths of successive micro-batches, one sequence for each run to try; none where all are `length`.
        redraw: Draws for another number of rows, which are longer the more rows there are; None keeps `draws`.
        plan: Accumulation, loop, evaluation.
        evaluation_rows: Batch of the evaluation, where the plan has one.
        other_heads: Trained blocks of further tasks, in bytes of float32, that only hold weights, gradients and state.
        device: The GPU's numbers.
        context: Memory outside the allocator.
        total_bytes: Memory of the GPU as torch reports it.
        version_error: Share by which another version of transformers than the traced one may differ.
    """

    step: ShapedStep
    update: Step | None = None
    rows: int
    length: int
    draws: Sequence[Sequence[int]] = ()
    redraw: Callable[[int], Sequence[Sequence[int]]] | None = None
    plan: Plan
    evaluation_rows: int = 0
    other_heads: tuple[int, ...] = ()
    device: Device
    context: Context
    total_bytes: int
    version_error: float = 0.0

    @property
    def limit_bytes(self) -> int:
        """What the caching allocator may reserve."""
        return self.total_bytes - self.context.high_bytes


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Predicted memory, in bytes.

    Attributes:
        peak_allocated_bytes: Most that tensors hold at once.
        peak_reserved_bytes: Most that the caching allocator holds; at the GPU's limit it gives back what it cached.
        device_used_bytes: The same with the context of the process.
        interval: Lowest and highest `peak_reserved_bytes` to expect.
        limit_bytes: What the allocator may reserve on this GPU.
        margin: Share of the peak that must stay free.
        fits: Whether the run ends on a GPU that is smaller by the margin, at every length that was drawn.
        num_alloc_retries: How often the allocator would have to release its cache on this GPU.
        largest_batch: The largest micro-batch that fits; 0 for none.
        breakdown: What lives at the peak; sums to `device_used_bytes`.
        flops: Floating point operations of one optimizer step.
    """

    peak_allocated_bytes: int
    peak_reserved_bytes: int
    device_used_bytes: int
    interval: tuple[int, int]
    limit_bytes: int
    margin: float
    fits: bool
    num_alloc_retries: int
    largest_batch: int
    breakdown: dict[str, int]
    flops: int


def predict(question: Question) -> Prediction:
    """Answer a question about memory."""
    peak, interval = peak_of(question)
    context = question.context.high_bytes
    return Prediction(
        peak_allocated_bytes=peak.allocated_bytes,
        peak_reserved_bytes=peak.reserved_bytes,
        device_used_bytes=peak.reserved_bytes + context,
        interval=interval,
        limit_bytes=question.limit_bytes,
        margin=MARGIN,
        fits=batch_fits(question, question.rows),
        num_alloc_retries=peak.num_alloc_retries,
        largest_batch=largest_batch(question),
        breakdown=peak.parts | {"context": context},
        flops=question.plan.accumulation * question.step.at(question.rows, question.length).flops,
    )


def peak_of(question: Question) -> tuple[Peak, tuple[int, int]]:
    """Return the peak, and the lowest and highest `reserved_bytes` to expect.

    A run that does not fit is replayed as on a larger GPU.
    """
    run = run_of(question, question.rows)
    peak = replay_anyway(run, question.limit_bytes)
    return peak, interval_of(question, run, peak)


def interval_of(question: Question, run: Run, peak: Peak) -> tuple[int, int]:
    """Return the lowest and highest `reserved_bytes` to expect of a run, given its replay."""
    limit = question.limit_bytes
    drawn = [run_of(question, question.rows, lengths) for lengths in question.draws]
    reserved = [peak.reserved_bytes, *disturbed(run, peak, limit)]
    reserved += [replay_anyway(other, limit).reserved_bytes for other in drawn]
    error = UNCERTAINTY + question.version_error
    low, high = round(min(reserved) * (1 - error)), round(max(reserved) * (1 + error))
    # What completes at the limit reserves no more than the limit.
    return low, min(high, limit) if max(reserved) <= limit else high


def largest_batch(question: Question) -> int:
    """Return the largest micro-batch that fits, at most `_MOST_ROWS`; 0 where not even one row does."""
    low, high = 0, 1
    while high <= _MOST_ROWS and batch_fits(question, high):
        low, high = high, 2 * high
    if high > _MOST_ROWS:
        return low
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if batch_fits(question, middle) else (low, middle)
    return low


def batch_fits(question: Question, rows: int) -> bool:
    """Say whether a batch runs to its end on a GPU that is smaller by the margin, at every length that was drawn.

    Cache that the allocator would give back does not count; often what must be there is too much already.
    """
    usable = usable_bytes(question.limit_bytes)
    step = question.step.at(rows, question.length)
    if (step.with_update(question.update) if question.update else step).resident_bytes() > usable:
        return False
    run = run_of(question, rows)
    sizes = run.num_bytes
    if max(accumulate(sizes[event] if event >= 0 else -sizes[~event] for event in run.events)) > usable:
        return False
    draws = question.redraw(rows) if question.redraw else question.draws
    return completes(run, usable) and all(completes(run_of(question, rows, drawn), usable) for drawn in draws)


def usable_bytes(limit_bytes: int) -> int:
    """Return what may be reserved so that the margin stays free."""
    return int(limit_bytes / (1 + MARGIN))


def completes(run: Run, limit_bytes: int) -> bool:
    """Say whether a run does not end out of memory."""
    try:
        reserved_bytes(run, limit_bytes)
    except CudaOutOfMemory:
        return False
    return True


def run_of(question: Question, rows: int, lengths: Sequence[int] = ()) -> Run:
    """Write out the run of a question with another batch, or other lengths."""
    steps = [question.step.at(rows, length) for length in lengths or (question.length,)]
    if question.update:
        steps = [step.with_update(question.update) for step in steps]
    # More micro-batches than two repeat the second: gradients are there, and everything else was freed.
    accumulation = min(question.plan.accumulation, 2)
    plan = replace(question.plan, accumulation=accumulation)
    if len(lengths) > plan.steps * accumulation:
        plan = replace(plan, steps=-(-len(lengths) // accumulation))
    evaluation = question.step.at(question.evaluation_rows, question.length) if plan.evaluation_batches else None
    return _with_heads(schedule(steps, plan, question.device, evaluation), question.other_heads)


def _with_heads(run: Run, heads: tuple[int, ...]) -> Run:
    """Add the heads of other tasks: weights, gradients and two states each."""
    if not heads:
        return run
    blocks = range(len(run.num_bytes), len(run.num_bytes) + 4 * len(heads))
    return Run(
        events=[*blocks, *run.events],
        num_bytes=[*run.num_bytes, *(size for size in heads for _ in range(4))],
        categories=[*run.categories, *(("weights", "gradients", "optimizer", "optimizer") * len(heads))],
        starts=[(position + len(blocks), part) for position, part in run.starts],
        streams=run.streams,
    )
