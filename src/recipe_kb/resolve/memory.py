"""The predicted memory of a cell: from a traced step where there is one, else from documented figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.memory.disturbed import replay_anyway
from recipe_kb.memory.gpu import Context, context_of
from recipe_kb.memory.predict import MARGIN, UNCERTAINTY, batch_fits, completes, interval_of, run_of, usable_bytes
from recipe_kb.resolve.traced import question_of
from recipe_kb.schema.base import Parallel
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import RecipeKey, Settings
from recipe_kb.store.names import BARE_MEMORY
from recipe_kb.store.store import Store
from recipe_kb.units import GIB

MemoryMethod = Literal["traced", "documented-figures"]
RULE = "memory-estimate"


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Predicted memory of one training process, in bytes.

    Attributes:
        method: How it was predicted.
        peak_reserved_bytes: Most that the caching allocator holds.
        parts: What lives at the peak; sums to it.
        limit_bytes: What the allocator may reserve on the card.
        context_bytes: Memory of the process beside it.
        usable_bytes: What the peak may be at most, so that the margin stays free.
        fits: The run leaves the margin free; cache that the allocator would give back does not count.
        margin: Share of the peak where it is traced, of the limit where it is not.
        error: Share by which the method is known to be off.
        counted_length: Tokens that were counted, where they are more than the recipe's.
        is_joint: All tasks of a joint step were counted as one batch, which is an approximation.
        num_gpus: How many train together; all figures are those of one of them.
        parallel: How they share the work; None where there is one.
        find_interval: Works out `interval`.
    """

    method: MemoryMethod
    peak_reserved_bytes: int
    parts: Mapping[str, int]
    limit_bytes: int
    context_bytes: int
    usable_bytes: int
    fits: bool
    margin: float
    error: float
    counted_length: int | None
    is_joint: bool
    num_gpus: int
    parallel: Parallel | None
    find_interval: Callable[[], tuple[int, int]] = field(repr=False, compare=False)

    @cached_property
    def interval(self) -> tuple[int, int]:
        """Lowest and highest peak to expect; it takes as long as all the rest, so not before somebody asks."""
        return self.find_interval()

    @property
    def share(self) -> float:
        """Peak as a fraction of the limit."""
        return self.peak_reserved_bytes / self.limit_bytes

    @property
    def free_share(self) -> float:
        """What stays free on the card, as a fraction of the limit."""
        return 1 - self.usable_bytes / self.limit_bytes

    def to_json(self) -> dict[str, Any]:
        """Return the `memory` object of the command-line contract."""
        return {
            "peak_reserved_bytes": self.peak_reserved_bytes,
            "interval": list(self.interval),
            "limit_bytes": self.limit_bytes,
            "usable_bytes": self.usable_bytes,
            "context_bytes": self.context_bytes,
            "status": "predicted",
            "method": self.method,
            "fits": self.fits,
            "margin": self.margin,
            "approximate": self.is_approximate,
            "breakdown": dict(self.parts),
            "num_gpus": self.num_gpus,
            "parallel": self.parallel,
        }

    @property
    def is_approximate(self) -> bool:
        """Say whether something else than this very step was counted."""
        return self.is_joint or self.counted_length is not None


def memory_of(
    store: Store,
    key: RecipeKey,
    settings: Settings,
    mixing: str | None,
    gpu: Gpu | None,
    model: Model,
    parallel: Parallel = "ddp",
) -> MemoryEstimate:
    """Predict the peak of a training step.

    Args:
        store: Holds the traced steps, and the facts of CUDA.
        key: GPU, task count, length and method.
        settings: Batch, accumulation, precision, optimizer, checkpointing, attention.
        mixing: `interleaved`, `joint`, or None for one task.
        gpu: None for a card known only by its size.
        model: The network.
        parallel: How several GPUs share the work, where the key says several.

    Raises:
        BadInputError: A file of the knowledge base cannot be read.
    """
    context, total = context_on(store, key, gpu), total_bytes(store, key, gpu)
    question = question_of(store, key, settings, mixing, model, gpu, context, total, parallel)
    if question is None:
        return _documented(store, key, settings, mixing, model, context, total, parallel)
    run = run_of(question, question.rows)
    peak = replay_anyway(run, question.limit_bytes)
    usable = usable_bytes(question.limit_bytes)
    return MemoryEstimate(
        method="traced",
        peak_reserved_bytes=peak.reserved_bytes,
        parts=peak.parts,
        limit_bytes=question.limit_bytes,
        context_bytes=context.high_bytes,
        usable_bytes=usable,
        fits=peak.reserved_bytes <= usable or completes(run, usable),
        margin=MARGIN,
        error=UNCERTAINTY,
        counted_length=None if question.length == key.max_length else question.length,
        is_joint=mixing == "joint",
        num_gpus=key.num_gpus,
        parallel=parallel if key.num_gpus > 1 else None,
        find_interval=lambda: interval_of(question, run, peak),
    )


def memory_fits(
    store: Store,
    key: RecipeKey,
    settings: Settings,
    mixing: str | None,
    gpu: Gpu | None,
    model: Model,
    parallel: Parallel = "ddp",
) -> bool:
    """Say whether the peak leaves the margin free, as `memory_of` would but sooner."""
    context, total = context_on(store, key, gpu), total_bytes(store, key, gpu)
    question = question_of(store, key, settings, mixing, model, gpu, context, total, parallel)
    if question is None:
        return _documented(store, key, settings, mixing, model, context, total, parallel).fits
    return batch_fits(question, question.rows)


def context_on(store: Store, key: RecipeKey, gpu: Gpu | None) -> Context:
    """Return how much memory a process takes on the card beside what the allocator reserves.

    Raises:
        BadInputError: The knowledge base says nothing about the card's architecture.
    """
    cuda = store.cuda()
    if gpu and gpu.compute_capability not in cuda.max_threads_per_sm.values:
        what = _("{name!r} is referred to but does not exist").format(name=gpu.compute_capability)
        where = store.shown(f"gpus/{key.gpu}.yaml")
        raise BadInputError(Problem(code="KB106", what=what, where=where, next_command="kb check"))
    return context_of(key.gpu, gpu, cuda)


def total_bytes(store: Store, key: RecipeKey, gpu: Gpu | None) -> int:
    """Return what torch reports of the card: the smallest total seen."""
    if gpu:
        return gpu.memory.limit_bytes
    bare = BARE_MEMORY.fullmatch(key.gpu)
    assert bare  # noqa: S101 - a card without a file is known by its size
    return int(int(bare[1]) * store.rule(RULE).constants["bare_size_share"] * GIB)


def _documented(
    store: Store,
    key: RecipeKey,
    settings: Settings,
    mixing: str | None,
    model: Model,
    context: Context,
    total: int,
    parallel: Parallel,
) -> MemoryEstimate:
    """Predict from documented figures."""
    from recipe_kb.resolve.estimate import estimated_parts

    constants = store.rule(RULE).constants
    parts = estimated_parts(key, settings, mixing, model, constants, parallel)
    peak, limit = sum(parts.values()), total - context.high_bytes
    error, usable = constants["error"], int(limit * (1 - constants["margin"]))
    return MemoryEstimate(
        method="documented-figures",
        peak_reserved_bytes=peak,
        parts=parts,
        limit_bytes=limit,
        context_bytes=context.high_bytes,
        usable_bytes=usable,
        fits=peak <= usable,
        margin=constants["margin"],
        error=error,
        counted_length=None,
        is_joint=mixing == "joint",
        num_gpus=key.num_gpus,
        parallel=parallel if key.num_gpus > 1 else None,
        find_interval=lambda: (round(peak * (1 - error)), round(peak * (1 + error))),
    )
