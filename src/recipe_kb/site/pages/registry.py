"""Every kind of generated page."""

from collections.abc import Callable, Iterator

from recipe_kb.site.facts import Facts
from recipe_kb.site.page import Page
from recipe_kb.site.pages import (
    api,
    cards,
    changes,
    claims,
    fits,
    glossary,
    gpus,
    lint,
    models,
    picker,
    recipes,
    rules,
    sources,
)
from recipe_kb.site.place import Place

KINDS: dict[str, Callable[[Place, Facts], Iterator[Page]]] = {
    "api": api.pages,
    "cards": cards.pages,
    "changes": changes.pages,
    "claims": claims.pages,
    "fits": fits.pages,
    "glossary": glossary.pages,
    "gpus": gpus.pages,
    "lint": lint.pages,
    "models": models.pages,
    "picker": picker.pages,
    "recipes": recipes.pages,
    "rules": rules.pages,
    "sources": sources.pages,
}
"""Kind -> what makes its pages, in the active language; a test holds it against the folder."""


def make_pages(place: Place, facts: Facts) -> Iterator[Page]:
    """Make every generated page in the active language."""
    for make in KINDS.values():
        yield from make(place, facts)
