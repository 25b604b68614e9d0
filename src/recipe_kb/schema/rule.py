"""kb/rules/ID.yaml, kb/sources.yaml, kb/glossary.yaml: rules of thumb with their source, papers, terms."""

from dataclasses import field
from typing import Annotated

from recipe_kb.schema.base import Limits, Slug, Text, record


@record
class Rule:
    """One rule that settings are derived by; the function of the same name in `resolve.rules` computes it."""

    title: Text
    formula: str
    statement: Text
    caveat: Text | None = None
    constants: dict[str, float] = field(default_factory=dict)
    sources: Annotated[tuple[Slug, ...], Limits(min_length=1)]


@record
class Source:
    """A paper, a data sheet, a repository: what it is and where."""

    title: str
    where: str
    year: int | None = None
    note: str | None = None


@record
class SourceFile:
    """All sources, by id."""

    sources: dict[Slug, Source]


@record
class Term:
    """One word of the field, with every spelling people search for."""

    id: Slug
    en: str
    vi: str
    meaning: Text
    spellings: tuple[str, ...] = ()


@record
class Glossary:
    """All terms."""

    terms: tuple[Term, ...]


@record
class RemedyFile:
    """What each kind of rung does, by id."""

    remedies: dict[Slug, Text]
