"""Findings that were there before: a file that lists them, so that only new ones count.

An entry is a fingerprint of what stands there, not a line number, so lines may come and go. Of the same fingerprint as
many findings are covered as were counted.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.lint.finding import Finding

SCHEMA = "kb-lint-baseline/1"
Name = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Held:
    """Findings held against a baseline.

    Attributes:
        new: Those that it does not cover.
        covered: Those that it covers.
        gone: How many of its entries nothing was found for any more.
    """

    new: tuple[Finding, ...]
    covered: tuple[Finding, ...]
    gone: int


def write(findings: Sequence[Finding]) -> str:
    """Write a baseline of findings."""
    counted = Counter(_name(finding) for finding in findings)
    entries = [
        {"file": file, "code": code, "fingerprint": fingerprint, "count": count}
        for (file, code, fingerprint), count in sorted(counted.items())
    ]
    return json.dumps({"schema": SCHEMA, "findings": entries}, indent=2, ensure_ascii=False) + "\n"


def read(path: Path) -> Counter[Name]:
    """Read a baseline.

    Raises:
        BadInputError: There is no such file, or it is none.
    """
    try:
        counted = _counted(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        problem = Problem(
            code="KB590",
            what=_("There is no such baseline."),
            where=str(path),
            next_command=f"kb lint --write-baseline {path} PATH",
        )
        raise BadInputError(problem) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = Problem(
            code="KB591",
            what=_("is no baseline of `kb lint` ({why})").format(why=type(error).__name__),
            where=str(path),
            next_command=f"kb lint --write-baseline {path} PATH",
        )
        raise BadInputError(problem) from error
    return counted


def _counted(document: Any) -> Counter[Name]:
    if document["schema"] != SCHEMA:
        raise ValueError(document["schema"])
    counted: Counter[Name] = Counter()
    for entry in document["findings"]:
        counted[str(entry["file"]), str(entry["code"]), str(entry["fingerprint"])] += int(entry["count"])
    return counted


def hold(findings: Sequence[Finding], baseline: Counter[Name]) -> Held:
    """Split findings into new ones and those of a baseline."""
    left = Counter(baseline)
    new, covered = [], []
    for finding in findings:
        name = _name(finding)
        if left[name] > 0:
            left[name] -= 1
            covered.append(finding)
        else:
            new.append(finding)
    return Held(new=tuple(new), covered=tuple(covered), gone=sum(left.values()))


def _name(finding: Finding) -> Name:
    return (Path(finding.file).as_posix(), finding.code, finding.fingerprint)
