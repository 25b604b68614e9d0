"""A picture of the search, as SVG: throughput and memory against the batch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from recipe_kb.i18n import _, gib, number
from recipe_kb.memory import svg
from recipe_kb.memory.plot_chart import round_step
from recipe_kb.tune.tuned import Row
from recipe_kb.units import GIB

_WIDTH, _HEIGHT = 960, 610
_LEFT, _RIGHT = 72, 936
_RATES, _MEMORY = (104, 292), (352, 540)
"""Top and bottom of the two charts."""
_TICKS = 4
_ABOVE = 1.12
"""Room over the highest value."""
_MARK = 10
_NEAR = 26
"""Batches that are nearer than this on the axis share a label."""
_SAFE, _UNSAFE, _PREDICTED = svg.COLOURS["weights"], svg.COLOURS["activations"], svg.COLOURS["fragmentation"]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is drawn.

    Attributes:
        heading: What was asked.
        verdict: What is recommended.
        rows: The smallest batch first; at least one.
        limit_bytes: What the caching allocator may reserve.
        recommended: The batch, in rows; None for none.
    """

    heading: str
    verdict: str
    rows: Sequence[Row]
    limit_bytes: int
    recommended: int | None


def draw(picture: Picture) -> str:
    """Return the text of an SVG file, in the active language."""
    root = svg.picture(_WIDTH, _HEIGHT, picture.heading, _description(picture))
    svg.text(root, 24, 32, picture.heading, "big")
    svg.text(root, 24, 56, picture.verdict, "soft")
    measured = [row for row in picture.rows if row.trial and row.trial.measurement.samples_per_s]
    _draw_rates(root, picture, measured)
    _draw_memory(root, picture)
    _draw_batches(root, picture)
    _draw_legend(root)
    return svg.write(root)


def _draw_rates(root: ET.Element, picture: Picture, measured: Sequence[Row]) -> None:
    """Draw what was measured, and the roofline where it is not far above; alone where nothing was measured."""
    rates = {row.shape.batch: row.trial.samples_per_s for row in measured if row.trial}
    bounds = {row.shape.batch: row.forecast.most_samples_per_s for row in picture.rows}
    known = {batch: bound for batch, bound in bounds.items() if bound is not None}
    highest = _ABOVE * max(rates.values(), default=max(known.values(), default=1.0))
    _draw_axis(root, _RATES, highest, 1.0, _("samples per second"))
    line = [(_x(picture, batch), _y(_RATES, bound / highest)) for batch, bound in known.items() if bound <= highest]
    if line:
        ET.SubElement(root, "polyline", {"class": "limit", "points": svg.joined(line)})
        svg.text(root, line[-1][0], line[-1][1] - 8, _("no kernel can be faster (roofline)"), "soft", anchor="end")
    elif known:
        words = _("the roofline is at {rate}").format(rate=number(max(known.values()), 0))
        svg.text(root, _RIGHT, _RATES[0] - 10, f"{words} ↑", "soft", anchor="end")
    corners = [(_x(picture, batch), _y(_RATES, rate / highest)) for batch, rate in sorted(rates.items())]
    if len(corners) > 1:
        ET.SubElement(root, "polyline", {"class": "line", "points": svg.joined(corners)})
    for row in measured:
        place = _x(picture, row.shape.batch), _y(_RATES, rates[row.shape.batch] / highest)
        _draw_mark(root, place, _colour(row), number(rates[row.shape.batch], 0 if highest >= 100 else 1))  # noqa: PLR2004


def _draw_memory(root: ET.Element, picture: Picture) -> None:
    """Draw what is predicted, what was measured, and what the card leaves."""
    predicted = {row.shape.batch: row.forecast.reserved_bytes for row in picture.rows}
    peaks = {
        row.shape.batch: peak
        for row in picture.rows
        if row.trial and (peak := row.trial.measurement.peak_reserved_bytes) is not None
    }
    most = _ABOVE * picture.limit_bytes
    highest = min(most, _ABOVE * max(*predicted.values(), *peaks.values(), 1)) if peaks else most
    shows_limit = picture.limit_bytes <= highest
    _draw_axis(root, _MEMORY, highest, GIB, _("memory reserved, GiB"))
    line = [(_x(picture, batch), _y(_MEMORY, size / highest)) for batch, size in predicted.items() if size <= highest]
    if len(line) > 1:
        ET.SubElement(root, "polyline", {"class": "line", "points": svg.joined(line), "stroke-opacity": ".55"})
    for x, y in line:
        svg.box(root, x - _MARK / 4, y - _MARK / 4, _MARK / 2, _MARK / 2, _PREDICTED)
    words = _("the allocator may reserve {size}").format(size=gib(picture.limit_bytes))
    if shows_limit:
        y = _y(_MEMORY, picture.limit_bytes / highest)
        svg.line(root, (_LEFT, y), (_RIGHT, y), "limit")
        svg.text(root, _LEFT + 8, y + 17, words, "soft")
    else:
        svg.text(root, _RIGHT, _MEMORY[0] - 10, f"{words} ↑", "soft", anchor="end")
    for row in picture.rows:
        if row.shape.batch in peaks:
            peak = peaks[row.shape.batch]
            place = _x(picture, row.shape.batch), _y(_MEMORY, peak / highest)
            _draw_mark(root, place, _colour(row), number(peak / GIB, 1), below=True)


def _draw_axis(root: ET.Element, chart: tuple[int, int], highest: float, unit: float, words: str) -> None:
    step = round_step(highest / unit / _TICKS)
    for count in range(int(highest / unit / step) + 1):
        y = _y(chart, count * step * unit / highest)
        svg.line(root, (_LEFT, y), (_RIGHT, y), "rule")
        svg.text(root, _LEFT - 8, y + 4, number(count * step, 0 if step >= 1 else 2), "soft", anchor="end")
    svg.text(root, _LEFT, chart[0] - 10, words)


def _draw_batches(root: ET.Element, picture: Picture) -> None:
    """Write the batches below; those that were tried first, the others where there is room."""
    taken: list[float] = []
    for row in sorted(picture.rows, key=lambda row: (row.shape.batch != picture.recommended, row.trial is None)):
        x = _x(picture, row.shape.batch)
        if row.shape.batch == picture.recommended:
            svg.line(root, (x, _RATES[0]), (x, _MEMORY[1] + 4), "rule")
        if all(abs(x - other) >= _NEAR for other in taken):
            taken.append(x)
            kind = "" if row.shape.batch == picture.recommended else "soft"
            svg.text(root, x, _MEMORY[1] + 20, str(row.shape.batch), kind, anchor="middle")
    svg.text(root, _LEFT, _MEMORY[1] + 42, _("batch, rows per device"), "soft")


def _draw_legend(root: ET.Element) -> None:
    names = ((_SAFE, _("measured, safe")), (_UNSAFE, _("measured, not safe")), (_PREDICTED, _("predicted")))
    for position, (colour, words) in enumerate(names):
        x = _LEFT + 300 + position * 190
        svg.box(root, x, _MEMORY[1] + 32, _MARK, _MARK, colour)
        svg.text(root, x + 18, _MEMORY[1] + 42, words)


def _draw_mark(root: ET.Element, place: tuple[float, float], colour: str, words: str, *, below: bool = False) -> None:
    x, y = place
    svg.box(root, x - _MARK / 2, y - _MARK / 2, _MARK, _MARK, colour)
    svg.text(root, x, y + (_MARK + 11 if below else -_MARK), words, anchor="middle")


def _colour(row: Row) -> str:
    return _UNSAFE if row.trial and row.trial.unsafe else _SAFE


def _x(picture: Picture, batch: int) -> float:
    """Place a batch; twice the batch is always the same way to the right."""
    low, high = picture.rows[0].shape.batch, picture.rows[-1].shape.batch
    share = math.log(batch / low) / math.log(high / low) if high > low else 0.5
    return _LEFT + 32 + (_RIGHT - _LEFT - 64) * share


def _y(chart: tuple[int, int], share: float) -> float:
    return chart[1] - (chart[1] - chart[0]) * share


def _description(picture: Picture) -> str:
    """Say in words what the picture shows."""
    said = []
    for row in picture.rows:
        words = _("batch {rows}: {size} predicted").format(rows=row.shape.batch, size=gib(row.forecast.reserved_bytes))
        measured = row.trial.measurement if row.trial else None
        if measured and measured.samples_per_s:
            words += ", " + _("{rate} samples per second").format(rate=number(measured.samples_per_s, 1))
        if measured and measured.peak_reserved_bytes is not None:
            words += ", " + _("{size} measured").format(size=gib(measured.peak_reserved_bytes))
        said.append(words)
    return f"{picture.verdict} " + "; ".join(said) + "."
