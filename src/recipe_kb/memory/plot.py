"""A picture of predicted memory, as SVG: what lives over the last step, and what fills the card at the peak."""

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from recipe_kb.i18n import _, gib
from recipe_kb.memory import svg
from recipe_kb.memory.part_names import part_names
from recipe_kb.memory.plot_chart import LEFT, RIGHT, Chart
from recipe_kb.memory.timeline import Timeline
from recipe_kb.units import GIB

_WIDTH = 960
_LEAST_BYTES = GIB / 200
"""Less would be written as 0.00 GiB and be thinner than a line."""
_BAR_TOP, _BAR_HEIGHT = 480, 26
_LEGEND_TOP, _LEGEND_COLUMNS, _LEGEND_ROW = 534, 4, 22


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is drawn, in bytes.

    Attributes:
        heading: What was asked.
        verdict: Whether it fits, in whole sentences.
        timeline: The last step, and the evaluation before it.
        breakdown: What lives at the peak; sums to what the device uses.
        total_bytes: Memory of the GPU.
    """

    heading: str
    verdict: str
    timeline: Timeline
    breakdown: Mapping[str, int]
    total_bytes: int


def draw(picture: Picture) -> str:
    """Return the text of an SVG file, in the active language."""
    names = part_names()
    shown = {name: picture.breakdown.get(name, 0) for name in names}
    shown = {name: size for name, size in shown.items() if size >= _LEAST_BYTES}
    rows = -(-len(shown) // _LEGEND_COLUMNS)
    parts = {names[name]: size for name, size in shown.items()}
    root = svg.picture(_WIDTH, _LEGEND_TOP + rows * _LEGEND_ROW, picture.heading, _description(picture, parts))
    svg.text(root, 24, 32, picture.heading, "big")
    svg.text(root, 24, 56, picture.verdict, "soft")
    Chart(picture.timeline, picture.breakdown.get("context", 0), picture.total_bytes).draw(root)
    _draw_bar(root, picture, shown)
    for position, (name, size) in enumerate(shown.items()):
        row, column = divmod(position, _LEGEND_COLUMNS)
        x, y = LEFT + column * (RIGHT - LEFT) / _LEGEND_COLUMNS, _LEGEND_TOP + row * _LEGEND_ROW
        svg.box(root, x, y - 11, 12, 12, svg.COLOURS[name])
        svg.text(root, x + 18, y, f"{names[name]} {gib(size)}")
    return svg.write(root)


def _draw_bar(root: ET.Element, picture: Picture, shown: Mapping[str, int]) -> None:
    """Draw what lives at the peak as one bar, as long as the GPU is large."""
    used = sum(picture.breakdown.values())
    words = _("at the peak: {used} of {total}")
    if used > picture.total_bytes:
        words = _("at the peak: {used}, more than the {total} of the GPU")
    svg.text(root, LEFT, _BAR_TOP - 8, words.format(used=gib(used), total=gib(picture.total_bytes)))
    scale = (RIGHT - LEFT) / max(used, picture.total_bytes)
    x = float(LEFT)
    for name, size in shown.items():
        svg.box(root, x, _BAR_TOP, size * scale, _BAR_HEIGHT, svg.COLOURS[name])
        x += size * scale
    svg.line(root, (LEFT, _BAR_TOP + _BAR_HEIGHT), (RIGHT, _BAR_TOP + _BAR_HEIGHT), "rule")
    end = LEFT + picture.total_bytes * scale
    svg.line(root, (end, _BAR_TOP - 6), (end, _BAR_TOP + _BAR_HEIGHT + 6), "limit")


def _description(picture: Picture, parts: Mapping[str, int]) -> str:
    """Say in words what the picture shows: the verdict, and the parts that are drawn, the largest first."""
    listed = ", ".join(f"{name} {gib(size)}" for name, size in sorted(parts.items(), key=lambda part: -part[1]))
    return f"{picture.verdict} " + _("At the peak: {parts}.").format(parts=listed)
