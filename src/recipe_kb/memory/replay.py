"""Replaying a run on the simulated caching allocator: the peak, and what lives then."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from recipe_kb.memory.allocator import CachingAllocator, CudaOutOfMemory, round_size
from recipe_kb.memory.schedule import Run
from recipe_kb.memory.step import Category


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The highest point of a run, in bytes.

    Attributes:
        allocated_bytes: Most that was allocated at once, in blocks.
        reserved_bytes: Most that the allocator held.
        small_reserved_bytes: What of it serves small requests, at the end.
        num_alloc_retries: How often it had to release its cache to go on.
        out_of_memory: The limit was too small for the run.
        parts: What lived at the highest point; sums to `reserved_bytes` with `fragmentation`.
    """

    allocated_bytes: int
    reserved_bytes: int
    small_reserved_bytes: int
    num_alloc_retries: int
    out_of_memory: bool
    parts: dict[str, int]


def replay(run: Run, limit_bytes: int | None = None) -> Peak:
    """Replay a run.

    Args:
        run: From `schedule`.
        limit_bytes: What the allocator may reserve; None for no limit.
    """
    sizes = run.num_bytes
    allocator = CachingAllocator(limit_bytes)
    blocks: list[object] = [None] * len(sizes)
    allocate, free, streams = allocator.allocate, allocator.free, run.streams
    out_of_memory, done = False, len(run.events)
    try:
        for position, event in enumerate(run.events):  # noqa: B007 - where it failed
            if event >= 0:
                blocks[event] = allocate(sizes[event], streams.get(event, 0) if streams else 0)
            else:
                free(blocks[~event])  # type: ignore[arg-type]
    except CudaOutOfMemory:
        out_of_memory, done = True, position
    parts = _parts_at_peak(run.events[:done], sizes, run.categories)
    parts["fragmentation"] = allocator.peak_reserved_bytes - sum(parts.values())
    return Peak(
        allocated_bytes=allocator.peak_allocated_bytes,
        reserved_bytes=allocator.peak_reserved_bytes,
        small_reserved_bytes=allocator.small_reserved_bytes,
        num_alloc_retries=allocator.num_alloc_retries,
        out_of_memory=out_of_memory,
        parts=parts,
    )


def _parts_at_peak(events: Sequence[int], sizes: Sequence[int], categories: Sequence[Category]) -> dict[str, int]:
    """Sum what lives at the highest point, by category, in sizes that the allocator rounds to."""
    rounded = [round_size(size) if size else 0 for size in sizes]
    totals = list(accumulate(rounded[event] if event >= 0 else -rounded[~event] for event in events))
    before = events[: totals.index(max(totals)) + 1] if totals else ()
    freed = {~event for event in before if event < 0}
    parts: dict[str, int] = {}
    for event in before:
        if event >= 0 and event not in freed and rounded[event]:
            parts[categories[event]] = parts.get(categories[event], 0) + rounded[event]
    return parts
