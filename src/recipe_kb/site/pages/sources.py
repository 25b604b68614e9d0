"""The papers, data sheets and repositories that facts come from."""

from collections.abc import Iterator

from markupsafe import Markup

from recipe_kb.i18n import _
from recipe_kb.schema.rule import Source
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import heading, link, paragraph
from recipe_kb.site.page import Page
from recipe_kb.site.place import Place


def pages(_place: Place, facts: Facts) -> Iterator[Page]:
    """Make the one page."""
    parts: list[str] = []
    for source_id, source in facts.store.sources().items():
        parts += [heading(2, source.title, source_id), _entry(source)]
    yield Page(
        path="sources",
        title=_("Sources"),
        description=_("The papers, data sheets and repositories that facts come from."),
        blocks=tuple(parts),
        source="kb/sources.yaml",
        boost=0.3,
    )


def _entry(source: Source) -> Markup:
    is_address = source.where.startswith(("https://", "http://"))
    where = link(source.where, source.where) if is_address else Markup("{}").format(source.where)
    year = Markup("({})").format(source.year) if source.year else Markup("")
    return paragraph(where, year, source.note or "")
