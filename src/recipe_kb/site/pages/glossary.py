"""The words of the field, each with every spelling that people search for."""

from collections.abc import Iterator

from markupsafe import Markup

from recipe_kb.i18n import _, language
from recipe_kb.schema.rule import Term
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import heading, paragraph
from recipe_kb.site.page import Page
from recipe_kb.site.place import Place
from recipe_kb.site.shared import said


def pages(_place: Place, facts: Facts) -> Iterator[Page]:
    """Make the one page."""
    parts: list[str] = []
    for term in facts.store.terms():
        parts += [heading(2, getattr(term, language()), term.id), *_entry(term)]
    yield Page(
        path="glossary",
        title=_("Glossary"),
        description=_("The words of the field, in both languages and every spelling."),
        blocks=tuple(parts),
        source="kb/glossary.yaml",
        boost=0.5,
    )


def _entry(term: Term) -> Iterator[Markup]:
    yield paragraph(said(term.meaning))
    others = dict.fromkeys((term.en, term.vi, *term.spellings))
    others.pop(getattr(term, language()), None)
    if others:
        yield paragraph(Markup("<small data-search-exclude>{}</small>").format(" · ".join(others)))
