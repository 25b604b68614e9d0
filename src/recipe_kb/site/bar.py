"""What fills the memory at the peak, as one bar that is as long as the card is large: an inline SVG."""

from collections.abc import Mapping
from xml.etree import ElementTree as ET

from markupsafe import Markup

from recipe_kb.i18n import _, gib
from recipe_kb.memory import svg
from recipe_kb.memory.part_names import part_names
from recipe_kb.units import GIB

_WIDTH, _HEIGHT, _TOP, _BAR = 720, 66, 6, 30
_LEAST_BYTES = GIB / 200
"""Parts that would be written as 0.00 GiB."""


def memory_bar(parts: Mapping[str, int], limit_bytes: int, title: str) -> Markup:
    """Draw a breakdown.

    Args:
        parts: Part to bytes.
        limit_bytes: What the allocator may reserve on the card.
        title: What the picture shows, in words.
    """
    used = sum(parts.values())
    longest = max(used, limit_bytes)
    root = ET.Element(
        "svg",
        {"class": "kb-bar", "role": "img", "viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "data-search-exclude": ""},
    )
    ET.SubElement(root, "title").text = title
    svg.box(root, 0, _TOP, _WIDTH, _BAR, "var(--md-default-fg-color--lightest)")
    x = 0.0
    for name, size in visible_parts(parts).items():
        width = size / longest * _WIDTH
        svg.box(root, x, _TOP, width, _BAR, svg.COLOURS[name])
        x += width
    end = limit_bytes / longest * _WIDTH
    svg.line(root, (end, 0), (end, _TOP + _BAR + 6), "kb-limit")
    words = _("the card gives {limit}").format(limit=gib(limit_bytes))
    svg.text(root, end, _HEIGHT - 8, words, anchor="end" if end > _WIDTH / 2 else "start")
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - the writer of XML has escaped it


def legend(parts: Mapping[str, int]) -> list[tuple[Markup, int]]:
    """Return name, with its colour, and bytes of each part that is drawn."""
    names = part_names()
    square = Markup(
        '<svg class="kb-key" viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" fill="{}"/></svg> {}'
    )
    return [(square.format(svg.COLOURS[name], names[name]), size) for name, size in visible_parts(parts).items()]


def visible_parts(parts: Mapping[str, int]) -> dict[str, int]:
    """Return the parts that are large enough to be drawn, as they are stacked."""
    return {name: parts[name] for name in part_names() if parts.get(name, 0) >= _LEAST_BYTES}
