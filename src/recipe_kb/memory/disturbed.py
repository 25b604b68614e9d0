"""How far a peak moves when a run differs a little: the same run on a heap that holds something already."""

from dataclasses import replace

from recipe_kb.memory.allocator import SMALL_BYTES, Block, CachingAllocator, segment_size
from recipe_kb.memory.replay import Peak, replay
from recipe_kb.memory.schedule import Run
from recipe_kb.units import MIB

_FIRST_BLOCKS = (2 * MIB, 4 * MIB, 12 * MIB)
"""Blocks that a program may hold before it trains; which large block is carved up can hang on a few MiB."""


def disturbed(run: Run, peak: Peak, limit_bytes: int) -> list[int]:
    """Return the reserved peaks of a run behind each first block.

    Below the limit no segment is given back. So small blocks, which have segments of their own, reserve the same
    whatever large block comes first, and a first block that fills a segment of its own adds that segment and no more.
    Only large blocks behind a first one that leaves a rest are replayed again.

    Args:
        run: The run.
        peak: Its replay.
        limit_bytes: What the allocator may reserve.
    """
    large = _large_blocks(run)
    found = []
    for size in _FIRST_BLOCKS:
        if segment_size(size) == size:
            total = peak.reserved_bytes + size
        else:
            total = peak.small_reserved_bytes + reserved_bytes(_with_first_block(large, size))
        if peak.num_alloc_retries or peak.reserved_bytes <= limit_bytes < total:
            total = replay_anyway(_with_first_block(run, size), limit_bytes).reserved_bytes
        found.append(total)
    return found


def replay_anyway(run: Run, limit_bytes: int) -> Peak:
    """Replay a run on a GPU, and as on a larger one if it does not fit there."""
    peak = replay(run, limit_bytes)
    return replay(run) if peak.out_of_memory else peak


def reserved_bytes(run: Run, limit_bytes: int | None = None) -> int:
    """Replay a run for its reserved peak alone.

    Raises:
        CudaOutOfMemory: The limit is too small for the run.
    """
    sizes, allocator = run.num_bytes, CachingAllocator(limit_bytes)
    allocate, free, streams = allocator.allocate, allocator.free, run.streams
    blocks: list[Block | None] = [None] * len(sizes)
    for event in run.events:
        if event >= 0:
            blocks[event] = allocate(sizes[event], streams.get(event, 0) if streams else 0)
        else:
            free(blocks[~event])
    return allocator.peak_reserved_bytes


def _large_blocks(run: Run) -> Run:
    """Return a run without the blocks of the small pool."""
    sizes = run.num_bytes
    events = [event for event in run.events if sizes[event if event >= 0 else ~event] > SMALL_BYTES]
    return replace(run, events=events, starts=[])


def _with_first_block(run: Run, num_bytes: int) -> Run:
    block = len(run.num_bytes)
    return Run(
        events=[block, *run.events],
        num_bytes=[*run.num_bytes, num_bytes],
        categories=[*run.categories, "workspace"],
        starts=[(position + 1, part) for position, part in run.starts],
        streams=run.streams,
    )
