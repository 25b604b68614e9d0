"""Comments that allow a finding, with a reason: `kb: ignore KB503 -- the card of the other machine has 80 GB`.

On the line of a setting it counts for that line. On a line of its own it counts for the next line that says something;
before a configuration, outside of its fence, for all of it. `kb: ignore-file` counts for the file.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recipe_kb.lint.finding import Finding
from recipe_kb.schema.configuration import Configuration

_COMMENT = re.compile(r"(?:#|//|<!--|%|;)[ \t]*kb:[ \t]*ignore(?P<file>-file)?(?![\w-])")
_ENDS = ("-->", "\\n", "*/")
"""What ends a comment: that of Markdown, that of C, and a line inside a string of a notebook."""
_LONGEST = 2000
_CODE = re.compile(r"KB\d{3}")
_SAYS_NOTHING = re.compile(r"#|//|<!--|;|```|~~~|---$|$")


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """One comment.

    Attributes:
        line: Where it stands, from 1.
        codes: What it allows.
        unknown: What else it names.
        reason: Why; empty where it gives none, and then it allows nothing.
        whole_file: It counts for the file.
        own_line: Nothing else stands on its line.
        target: The line it counts for.
    """

    line: int
    codes: frozenset[str]
    unknown: tuple[str, ...]
    reason: str
    whole_file: bool
    own_line: bool
    target: int


@dataclass(frozen=True, kw_only=True)
class Suppressions:
    """All comments of a file."""

    comments: tuple[Suppression, ...]

    def cover(self, finding: Finding, configurations: Iterable[Configuration]) -> bool:
        """Say whether a comment allows a finding."""
        for comment in self.comments:
            if not comment.reason or finding.code not in comment.codes:
                continue
            if comment.whole_file or finding.line in {comment.line, comment.target}:
                return True
            if comment.own_line and any(
                comment.line < first <= comment.target <= last and first <= finding.line <= last
                for first, last in (configuration.lines for configuration in configurations)
            ):
                return True
        return False


def suppressions_in(lines: Sequence[str]) -> Suppressions:
    """Find the comments in the lines of a file."""
    found = []
    for number, line in enumerate(lines, start=1):
        if "kb:" not in line:
            continue
        match = _COMMENT.search(line[:_LONGEST])
        if match is None:
            continue
        said = line[match.end() : _LONGEST]
        for end in _ENDS:
            said = said.partition(end)[0]
        codes, _dashes, reason = said.partition("--")
        words = codes.replace(",", " ").split()
        own_line = not line[: match.start()].strip(" \t\"'")
        found.append(
            Suppression(
                line=number,
                codes=frozenset(word for word in words if _CODE.fullmatch(word)),
                unknown=tuple(word for word in words if not _CODE.fullmatch(word)),
                reason=reason.strip(" -\t"),
                whole_file=bool(match["file"]),
                own_line=own_line,
                target=_next(lines, number) if own_line else number,
            )
        )
    return Suppressions(comments=tuple(found))


def _next(lines: Sequence[str], number: int) -> int:
    """Return the next line that is neither empty, nor a comment, nor a fence."""
    for later in range(number, len(lines)):
        if not _SAYS_NOTHING.match(lines[later].strip()):
            return later + 1
    return number
