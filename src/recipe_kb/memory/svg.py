"""The few shapes that a picture of memory is drawn with, as elements of an SVG file; lengths in pixels."""

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

STYLE = """
text{font:13px system-ui,sans-serif;fill:#1f2328}.big{font-size:17px;font-weight:600}.soft{fill:#59636e}
.line,.limit{stroke:#1f2328;stroke-width:1.6;fill:none}.limit{stroke-dasharray:7 5}
.rule{stroke:#8c959f;stroke-opacity:.4}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.soft{fill:#9da7b1}.line,.limit{stroke:#e6edf3}}
"""
"""Text and lines follow the reader's colour scheme."""

COLOURS = {
    "context": "#8c8c8c",
    "weights": "#4e79a7",
    "optimizer": "#3a9e98",
    "gradients": "#e08a2c",
    "autocast": "#a86f9d",
    "activations": "#d65f5f",
    "logits": "#b8a13a",
    "inputs": "#93705f",
    "exchange": "#5f7fb8",
    "workspace": "#6b9e4f",
    "fragmentation": "#b8b8b8",
    "allocator": "#b8b8b8",
}
"""Of each part of a breakdown: of middling lightness, so that they stand out on white and on black."""


def picture(width: int, height: int, title: str, description: str) -> ET.Element:
    """Return an empty picture that a screen reader can name and describe."""
    size = {"viewBox": f"0 0 {width} {height}", "width": str(width), "height": str(height)}
    named = {"role": "img", "aria-labelledby": "title description"}
    root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg"} | size | named)
    ET.SubElement(root, "title", id="title").text = title
    ET.SubElement(root, "desc", id="description").text = description
    ET.SubElement(root, "style").text = STYLE
    return root


def write(root: ET.Element) -> str:
    """Return the text of the file."""
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def text(root: ET.Element, x: float, y: float, words: str, kind: str = "", *, anchor: str = "start") -> None:
    """Draw words; `kind` is a class of `STYLE`."""
    given = {"class": kind} if kind else {}
    place = {"x": short(x), "y": short(y), "text-anchor": anchor}
    ET.SubElement(root, "text", given | place).text = words


def line(root: ET.Element, start: tuple[float, float], end: tuple[float, float], kind: str) -> None:
    """Draw a straight line."""
    ends = {"x1": short(start[0]), "y1": short(start[1]), "x2": short(end[0]), "y2": short(end[1])}
    ET.SubElement(root, "line", {"class": kind} | ends)


def box(root: ET.Element, x: float, y: float, width: float, height: float, fill: str) -> None:
    """Draw a filled rectangle."""
    size = {"x": short(x), "y": short(y), "width": short(width), "height": short(height)}
    ET.SubElement(root, "rect", size | {"fill": fill})


def area(root: ET.Element, xs: Sequence[float], lower: Sequence[float], upper: Sequence[float], fill: str) -> None:
    """Fill what lies between two stairs; both have one value less than there are places."""
    corners = [*stairs(xs, upper), *reversed(stairs(xs, lower))]
    ET.SubElement(root, "polygon", {"fill": fill, "points": joined(corners)})


def stairs(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    """Return the corners of stairs: each value holds until the next place. One place more than values."""
    rises = [index for index in range(1, len(ys)) if short(ys[index]) != short(ys[index - 1])]
    starts, ends = [0, *rises], [*rises, len(ys)]
    return [(x, ys[first]) for first, end in zip(starts, ends, strict=True) for x in (xs[first], xs[end])]


def joined(corners: Iterable[tuple[float, float]]) -> str:
    """Write corners as SVG does."""
    return " ".join(f"{short(x)},{short(y)}" for x, y in corners)


def short(value: float) -> str:
    """Write a length with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
