"""The chart of a plot: memory over the last step, stacked by what it is for, with what is reserved as a line."""

import math
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from recipe_kb.i18n import _, gib, number
from recipe_kb.memory import svg
from recipe_kb.memory.part_names import part_names
from recipe_kb.memory.step import CATEGORIES
from recipe_kb.memory.timeline import Phase, Timeline
from recipe_kb.units import GIB

LEFT, RIGHT, TOP, BOTTOM = 64, 936, 88, 400
_FAR = 3.0
"""A GPU so many times larger than what is used would press the chart flat; its size is then only written down."""
_TICKS = 5
_NARROW = 64
"""A phase of fewer pixels gets no name."""


class Chart:
    """Where bytes and events lie in the picture.

    Args:
        line: The last step, and the evaluation before it.
        context_bytes: Memory of the process outside the allocator; it lies below everything else.
        total_bytes: Memory of the GPU.
    """

    def __init__(self, line: Timeline, context_bytes: int, total_bytes: int) -> None:
        self._line, self._context, self._total = line, context_bytes, total_bytes
        used = context_bytes + max(point.reserved_bytes for point in line.points)
        self._shows_total = total_bytes <= _FAR * used
        self._highest = 1.05 * max(used, total_bytes if self._shows_total else 0)
        self._first = line.points[0].event
        self._xs = [*(self._x(point.event) for point in line.points), float(RIGHT)]

    def draw(self, root: ET.Element) -> None:
        """Draw the chart."""
        self._draw_areas(root)
        self._draw_grid(root)
        reserved = [self._y(self._context + point.reserved_bytes) for point in self._line.points]
        corners = svg.joined(svg.stairs(self._xs, reserved))
        ET.SubElement(root, "polyline", {"class": "line", "points": corners})
        self._draw_total(root)
        self._draw_phases(root)

    def _draw_areas(self, root: ET.Element) -> None:
        points = self._line.points
        upper = [self._context] * len(points)
        svg.area(root, self._xs, self._heights([0] * len(points)), self._heights(upper), svg.COLOURS["context"])
        for name in part_names():
            if name not in CATEGORIES:
                continue
            index = CATEGORIES.index(name)
            lower, upper = upper, [at + point.by_category[index] for at, point in zip(upper, points, strict=True)]
            if lower != upper:
                svg.area(root, self._xs, self._heights(lower), self._heights(upper), svg.COLOURS[name])

    def _draw_grid(self, root: ET.Element) -> None:
        step = round_step(self._highest / GIB / _TICKS)
        for count in range(int(self._highest / GIB / step) + 1):
            y = self._y(count * step * GIB)
            svg.line(root, (LEFT, y), (RIGHT, y), "rule")
            svg.text(root, LEFT - 8, y + 4, number(count * step, 0 if step >= 1 else 2), "soft", anchor="end")
        svg.text(root, LEFT - 8, TOP - 8, "GiB", "soft", anchor="end")

    def _draw_total(self, root: ET.Element) -> None:
        words = _("the GPU has {size}").format(size=gib(self._total))
        if not self._shows_total:
            svg.text(root, RIGHT, TOP - 8, f"{words} ↑", "soft", anchor="end")
            return
        y = self._y(self._total)
        svg.line(root, (LEFT, y), (RIGHT, y), "limit")
        svg.text(root, RIGHT, y - 6, words, "soft", anchor="end")

    def _draw_phases(self, root: ET.Element) -> None:
        names, phases = _phase_names(), self._line.phases
        ends = [*(self._x(event) for event, _phase in phases[1:]), float(RIGHT)]
        for (event, phase), end in zip(phases, ends, strict=True):
            x = self._x(event)
            svg.line(root, (x, TOP), (x, BOTTOM + 8), "rule")
            if end - x >= _NARROW:
                svg.text(root, (x + end) / 2, BOTTOM + 20, names[phase], anchor="middle")
        svg.text(root, LEFT, BOTTOM + 42, _caption([phase for _event, phase in phases]), "soft")

    def _heights(self, sizes: list[int]) -> list[float]:
        return [self._y(size) for size in sizes]

    def _x(self, event: int) -> float:
        return LEFT + (RIGHT - LEFT) * (event - self._first) / max(1, self._line.end - self._first)

    def _y(self, num_bytes: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * num_bytes / self._highest


def round_step(least: float) -> float:
    """Return the next of 1, 2, 5, 10, ... and their tenths: what an axis can be counted in."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)


def _caption(phases: Sequence[Phase]) -> str:
    """Say what the events are: of the last step and an evaluation before it, or of more where the peak is earlier."""
    if phases.count("optimizer") > 1:
        return _("allocations and frees of the last steps, in their order; the line is what is reserved")
    if "evaluation" in phases:
        return _("allocations and frees of the evaluation and the step after it; the line is what is reserved")
    return _("allocations and frees of the last step, in their order; the line is what is reserved")


def _phase_names() -> dict[Phase, str]:
    return {
        "placement": _("loading"),
        "forward": _("forward"),
        "backward": _("backward"),
        "optimizer": _("optimizer"),
        "evaluation": _("evaluation"),
    }
