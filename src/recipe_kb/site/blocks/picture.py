"""Memory over the last step of a recipe, as `kb predict --plot` draws it, and what fills the card at the peak."""

from xml.etree import ElementTree as ET

from markupsafe import Markup

from recipe_kb.i18n import _, gib, percent
from recipe_kb.memory.plot_chart import BOTTOM, LEFT, RIGHT, TOP, Chart
from recipe_kb.memory.predict import run_of
from recipe_kb.memory.timeline import timeline
from recipe_kb.site.bar import legend, visible_parts
from recipe_kb.site.changed import changed, name_of, split
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import table
from recipe_kb.site.shared import shown
from recipe_kb.site.words import recipe_title

_POINTS = 240
"""Fewer than a file has: the picture is as wide as the page, and is in the page."""
_ABOVE, _BELOW = 30, 54
"""Pixels for the words around the chart."""


def make(facts: Facts, recipe_id: str, **changes: object) -> Markup:
    """Draw a recipe, and list what lives at the peak.

    Args:
        facts: Where it is read.
        recipe_id: Of the recipe.
        changes: Settings to change before.

    Raises:
        NoSuchFactError: There is no such recipe.
        ValueError: There is no such setting, or no step was traced with it.
    """
    name = name_of(recipe_id, changes)
    memory = facts.memory(name)
    title = ": ".join((_title(facts, name), _verdict(memory.peak_reserved_bytes, memory.limit_bytes)))
    rows: list[tuple[str, Markup]] = [
        (words, shown(facts, "predicted", name, f"parts.{part}", "gib"))
        for part, (words, _bytes) in zip(visible_parts(memory.parts), legend(memory.parts), strict=True)
    ]
    rows.append((_("= reserved"), shown(facts, "predicted", name, "peak_reserved_bytes", "gib")))
    return Markup(
        "<figure>\n"
        '<div class="kb-scroll" role="region" aria-label="{0}" tabindex="0">{1}</div>\n'
        "<figcaption>{0}</figcaption>\n</figure>\n{2}"
    ).format(title, _drawn(facts, name, title), table((_("part"), _("at the peak")), rows, title, indexed=False))


def _title(facts: Facts, name: str) -> str:
    recipe_id, changes = split(name)
    answer = facts.answer(recipe_id)
    words = recipe_title(changed(answer, changes).key, answer.gpu, answer.model)
    return " · ".join([words, *(f"{setting} {value}" for setting, value in changes.items() if setting != "max_length")])


def _verdict(peak_bytes: int, limit_bytes: int) -> str:
    words = _("{peak} of {limit} ({share}), predicted")
    return words.format(peak=gib(peak_bytes), limit=gib(limit_bytes), share=percent(peak_bytes / limit_bytes))


def _drawn(facts: Facts, name: str, title: str) -> Markup:
    recipe_id, changes = split(name)
    question = changed(facts.answer(recipe_id), changes).question(facts.store)
    line = timeline(run_of(question, question.rows), question.limit_bytes, _POINTS)
    size = f"0 {TOP - _ABOVE} {LEFT + RIGHT} {BOTTOM - TOP + _ABOVE + _BELOW}"
    root = ET.Element("svg", {"class": "kb-plot", "role": "img", "viewBox": size, "data-search-exclude": ""})
    ET.SubElement(root, "title").text = title
    Chart(line, question.context.high_bytes, question.total_bytes).draw(root)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - the writer of XML has escaped it
