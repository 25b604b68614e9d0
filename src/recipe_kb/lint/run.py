"""All rules over all configurations of a file."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from recipe_kb.lint.asked import Asked
from recipe_kb.lint.finding import Finding, Found, order
from recipe_kb.lint.ours import is_ours
from recipe_kb.lint.registry import RULES
from recipe_kb.lint.rule import Rule
from recipe_kb.lint.subject import Subject
from recipe_kb.lint.suppression import Suppressions, suppressions_in
from recipe_kb.schema.configuration import Configuration
from recipe_kb.store.store import Store

_NAMING = 1000
"""Characters of a line that tell it from others."""


_NEIGHBOURS = 20
"""Configurations before this one that it is compared with; more are a file of something else."""


@dataclass(frozen=True, kw_only=True)
class Linted:
    """What the rules say of one file.

    Attributes:
        findings: As the file is read.
        suppressed: Those that a comment in the file allows.
    """

    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]


def lint(
    configurations: Sequence[Configuration],
    store: Store,
    lines: Sequence[str],
    asked: Asked | None = None,
    rules: Iterable[str] | None = None,
    kept: dict[Any, Any] | None = None,
) -> Linted:
    """Lint the configurations of one file.

    Args:
        configurations: All of that file, in their order; those in our own format are left to `kb check`.
        store: The knowledge base.
        lines: Of the file, without their ends.
        asked: What the caller says of card, model, length, tasks and version.
        rules: Names of the rules to apply; all by default.
        kept: Of earlier files with the same knowledge base, whose predictions are not worked out again.
    """
    chosen = [(name, RULES[name]) for name in (RULES if rules is None else rules)]
    suppressions, kept = suppressions_in(lines), {} if kept is None else kept
    found: dict[tuple[object, ...], Finding] = {}
    configurations = [configuration for configuration in configurations if not is_ours(configuration, lines)]
    for position, configuration in enumerate(configurations):
        subject = Subject(
            configuration=configuration,
            store=store,
            asked=asked or Asked(),
            others=tuple(configurations[max(0, position - _NEIGHBOURS) : position]),
            lines=lines,
            kept=kept,
        )
        for name, rule in chosen:
            for finding in _findings(name, rule, subject):
                found.setdefault((finding.code, finding.line, finding.start, finding.message), finding)
    return _sorted_out(found.values(), configurations, suppressions)


def _findings(name: str, rule: Rule, subject: Subject) -> Iterator[Finding]:
    for found in rule.check(subject):
        at, line = found.at, _line_of(found, subject)
        yield Finding(
            code=rule.CODE,
            rule=name,
            severity=found.severity or rule.SEVERITY,
            file=subject.configuration.file,
            line=line,
            start=at.start if at and at.line == line else None,
            end=at.end if at and at.line == line else None,
            message=found.message,
            edits=found.edits,
            label=subject.configuration.label,
            setting=at.name if at else None,
            fingerprint=_fingerprint(rule.CODE, subject, line, at.name if at else ""),
        )


def _line_of(found: Found, subject: Subject) -> int:
    return found.line or (found.at.line if found.at else subject.configuration.lines[0])


def _fingerprint(code: str, subject: Subject, line: int, setting: str) -> str:
    """Name a finding by what stands there, so that lines above it may come and go."""
    text = " ".join((subject.line(line) or "")[:_NAMING].split())
    parts = (code, subject.configuration.label, setting, text)
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def _sorted_out(
    findings: Iterable[Finding], configurations: Sequence[Configuration], suppressions: Suppressions
) -> Linted:
    shown: list[Finding] = []
    hidden: list[Finding] = []
    for finding in sorted(findings, key=order):
        (hidden if suppressions.cover(finding, configurations) else shown).append(finding)
    return Linted(findings=tuple(shown), suppressed=tuple(hidden))
