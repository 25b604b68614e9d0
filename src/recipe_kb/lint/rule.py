"""What the file of a rule holds."""

from collections.abc import Iterator
from typing import Protocol

from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import Subject


class Rule(Protocol):
    """A module of `lint.rules`.

    Attributes:
        __doc__: The page in English: a title, then paragraphs.
        VI: The page in Vietnamese, built the same.
        CODE: Stable, of the form KB5xx; never given to another rule.
        SEVERITY: error, warning, info.
        SOURCES: Where thresholds and reasons come from: `rule:ID`, `claim:ID`, `source:ID`.
        GOOD: Examples that the rule lets pass; see `lint.example`.
        BAD: Examples in which it finds something.
    """

    __doc__: str | None

    @property
    def VI(self) -> str: ...  # noqa: N802, D102 - a constant of a module, as are the others
    @property
    def CODE(self) -> str: ...  # noqa: N802, D102
    @property
    def SEVERITY(self) -> Severity: ...  # noqa: N802, D102
    @property
    def SOURCES(self) -> tuple[str, ...]: ...  # noqa: N802, D102
    @property
    def GOOD(self) -> tuple[str, ...]: ...  # noqa: N802, D102
    @property
    def BAD(self) -> tuple[str, ...]: ...  # noqa: N802, D102

    def check(self, subject: Subject, /) -> Iterator[Found]:
        """Yield what is wrong with a configuration; it never fails, whatever the values are."""


def page_of(rule: Rule, language: str) -> tuple[str, list[str]]:
    """Return title and paragraphs of the rule's page; a paragraph is one line."""
    text = rule.VI if language == "vi" else (rule.__doc__ or "")
    title, *paragraphs = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    return title.rstrip("."), paragraphs
