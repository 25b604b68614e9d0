"""Memory over the last step of a run: what lived after each event, in so many points that a picture can hold them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from recipe_kb.memory.allocator import Block, CachingAllocator, CudaOutOfMemory, round_size
from recipe_kb.memory.schedule import Run
from recipe_kb.memory.step import CATEGORIES, Part

Phase = Literal["placement", "forward", "backward", "optimizer", "evaluation"]
_PHASE_OF: dict[Part, Phase] = {
    "placement": "placement",
    "inputs": "forward",
    "forward": "forward",
    "backward": "backward",
    "release": "backward",
    "other_gradients": "optimizer",
    "first_update": "optimizer",
    "update": "optimizer",
    "zero_grad": "optimizer",
    "evaluation_inputs": "evaluation",
    "evaluation": "evaluation",
    "evaluation_release": "evaluation",
    "second_step": "forward",
}
_STEP_ENDS: tuple[Phase, ...] = ("placement", "optimizer")
MOST_POINTS = 480
"""As many as a picture has columns to show them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """What lived after one event, in bytes.

    Attributes:
        event: Position in the run.
        by_category: Allocated bytes in the order of `CATEGORIES`, in sizes that the allocator rounds to.
        reserved_bytes: What the allocator held.
    """

    event: int
    by_category: tuple[int, ...]
    reserved_bytes: int

    @property
    def allocated_bytes(self) -> int:
        """Sum over all categories."""
        return sum(self.by_category)


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The last optimizer step of a run, and the evaluation before it where there is one.

    Attributes:
        points: In order; the highest of the step is among them.
        phases: (event, phase) where each phase begins.
        end: The event behind the last.
    """

    points: tuple[Point, ...]
    phases: tuple[tuple[int, Phase], ...]
    end: int

    @property
    def peak(self) -> Point:
        """The highest point, of equal ones the first."""
        return max(self.points, key=lambda point: point.allocated_bytes)


def timeline(run: Run, limit_bytes: int | None, most_points: int = MOST_POINTS) -> Timeline:
    """Replay a run and keep its last step; more of it where the highest point comes earlier.

    Args:
        run: From `schedule`.
        limit_bytes: What the allocator may reserve; a run that does not fit is shown as on a larger GPU.
        most_points: How many points to keep at most.
    """
    phases = _phases(run)
    start = _start(run, phases)
    try:
        points = list(_points(run, limit_bytes, start))
    except CudaOutOfMemory:
        points = list(_points(run, None, start))
    return Timeline(
        points=tuple(_fewer(points, most_points)),
        phases=tuple((event, phase) for event, phase in phases if event >= start),
        end=len(run.events),
    )


def _points(run: Run, limit_bytes: int | None, start: int) -> Iterator[Point]:
    """Yield what lives after each event from `start` on."""
    number = {category: index for index, category in enumerate(CATEGORIES)}
    rounded = [round_size(size) if size else 0 for size in run.num_bytes]
    allocator, blocks = CachingAllocator(limit_bytes), dict[int, Block | None]()
    live = [0] * len(CATEGORIES)
    for position, event in enumerate(run.events):
        block = event if event >= 0 else ~event
        if event >= 0:
            blocks[block] = allocator.allocate(run.num_bytes[block], run.streams.get(block, 0))
        else:
            allocator.free(blocks.pop(block))
        live[number[run.categories[block]]] += rounded[block] if event >= 0 else -rounded[block]
        if position >= start:
            yield Point(event=position, by_category=tuple(live), reserved_bytes=allocator.reserved_bytes)


def _phases(run: Run) -> list[tuple[int, Phase]]:
    """Return where each phase begins, parts of the same phase as one; empty parts are left out."""
    ends = [position for position, _ in run.starts[1:]] + [len(run.events)]
    phases: list[tuple[int, Phase]] = []
    for (position, part), end in zip(run.starts, ends, strict=True):
        phase = _PHASE_OF[part]
        if end > position and (not phases or phases[-1][1] != phase):
            phases.append((position, phase))
    return phases


def _start(run: Run, phases: Sequence[tuple[int, Phase]]) -> int:
    """Return the event from which on to show the run."""
    sizes = [round_size(size) if size else 0 for size in run.num_bytes]
    totals = list(accumulate(sizes[event] if event >= 0 else -sizes[~event] for event in run.events))
    start = _start_of_step(phases, len(run.events))
    highest = max(totals, default=0)
    if max(totals[start:], default=0) == highest:
        return start
    return _start_of_step(phases, totals.index(highest) + 1)


def _start_of_step(phases: Sequence[tuple[int, Phase]], before: int) -> int:
    """Return where the step begins that is under way before an event: behind the end of the step before it."""
    begun = [(event, phase) for event, phase in phases if event < before]
    while len(begun) > 1 and begun[-1][1] in _STEP_ENDS:
        begun.pop()
    while len(begun) > 1 and begun[-2][1] not in _STEP_ENDS:
        begun.pop()
    return begun[-1][0] if begun else 0


def _fewer(points: list[Point], most: int) -> Iterator[Point]:
    """Yield the first point, the last, and between them the highest of each stretch."""
    if len(points) <= most:
        yield from points
        return
    yield points[0]
    inner, stretches = points[1:-1], most - 2
    for number in range(stretches):
        stretch = inner[number * len(inner) // stretches : (number + 1) * len(inner) // stretches]
        yield max(stretch, key=lambda point: point.allocated_bytes)
    yield points[-1]
