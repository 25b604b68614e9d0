"""kb/rules/ID.yaml, kb/sources.yaml, kb/glossary.yaml: rules of thumb with their source, papers, terms."""

from pydantic import Field

from recipe_kb.schema.base import Record, Slug, Text


class Rule(Record):
    """One rule that settings are derived by; the function of the same name in `resolve.rules` computes it."""

    title: Text
    formula: str
    statement: Text
    caveat: Text | None = None
    constants: dict[str, float] = Field(default_factory=dict)
    sources: tuple[Slug, ...] = Field(min_length=1)


class Source(Record):
    """A paper, a data sheet, a repository: what it is and where."""

    title: str
    where: str
    year: int | None = None
    note: str | None = None


class SourceFile(Record):
    """All sources, by id."""

    sources: dict[Slug, Source]


class Term(Record):
    """One word of the field, with every spelling people search for."""

    id: Slug
    en: str
    vi: str
    meaning: Text
    spellings: tuple[str, ...] = ()


class Glossary(Record):
    """All terms."""

    terms: tuple[Term, ...]


class RemedyFile(Record):
    """What each kind of rung does, by id."""

    remedies: dict[Slug, Text]
