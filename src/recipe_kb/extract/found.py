"""What the readers of the kinds hand over: places of values, before anybody says what they mean."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recipe_kb.i18n import _

MAX_VALUES = 3_000
"""In one text; no configuration that people write has a tenth of it."""
MAX_LINE = 2_000
"""Characters; on longer lines no place and no comment is looked for."""


@dataclass(kw_only=True, slots=True)
class Entry:
    """Something written like a setting.

    Attributes:
        path: Names from the outside in, joined by dots: `TrainingArguments.learning_rate`, `train.lr`, `betas.0`.
        written: The name as people see it.
        text: The value without the quotes of its language; an expression as it stands there where it is computed.
        line: Of the value, from 1.
        start: Column of the value, from 0; None where it cannot be replaced in its place.
        end: Column after it.
        comment: What stands behind it.
        computed: Only the running program knows the value.
        holder: What it stands in, a call or a mapping, whose settings belong together; None for plain statements.
        items: The parts of a list; `text` is the whole list.
        of_words: The name is the heading of a table or a word of a sentence, not a name of a program.
        head: First line of the command that it is a word of; None where there is no command.
    """

    path: str
    written: str
    text: str
    line: int
    start: int | None = None
    end: int | None = None
    comment: str | None = None
    computed: bool = False
    holder: Any = None
    items: "Sequence[Entry]" = ()
    of_words: bool = False
    head: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """All entries of a text.

    Attributes:
        entries: In the order of their lines.
        comments: Line -> its words, for lines that hold a comment only.
        breaks: Lines at which another document begins.
    """

    entries: Sequence[Entry]
    comments: Mapping[int, str] = field(default_factory=dict)
    breaks: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A stretch of a document that is written in one kind.

    Attributes:
        kind: Which reader it is for; empty where the document does not say.
        text: Its lines.
        lines: For each of its lines the line of the file.
        columns: For each of its lines, where it begins in that line; None where that cannot be told.
        title: What the document calls it: a heading, a bold line.
        around: What the document says about it, nearest first; each level a sequence of (line of the file, words).
        parsed: Read already: a table.
        title_line: Where the title stands, if it is a line of its own before the part.
        span: First and last line of the file to show for it; None for the lines of what is found in it.
    """

    kind: str
    text: str
    lines: Sequence[int]
    columns: Sequence[int | None]
    title: str = ""
    around: Sequence[Sequence[tuple[int, str]]] = ()
    parsed: Parsed | None = None
    title_line: int | None = None
    span: tuple[int, int] | None = None


class NotThisKindError(Exception):
    """The text does not follow the rules of the kind.

    Attributes:
        why: A sentence in the active language.
        line: Where, from 1; None where nobody can tell.
        column: In that line, from 0; None where nobody can tell.
        fatal: What the text asks for is dangerous, so that it is not read in any other way either.
    """

    def __init__(self, why: str, line: int | None = None, column: int | None = None, *, fatal: bool = False) -> None:
        super().__init__(why)
        self.why, self.line, self.column, self.fatal = why, line, column, fatal


def too_many(line: int | None = None) -> NotThisKindError:
    """Make the error of a text that holds more than anybody writes."""
    return NotThisKindError(_("holds more than {count} values").format(count=MAX_VALUES), line, fatal=True)


_COMMENT = re.compile(r"\s*(?:#|//|<!--)+\s?(.*?)(?:-->)?\s*$")


def comment_lines(lines: Sequence[str]) -> dict[int, str]:
    """Return the lines that hold nothing but a comment: number from 1 -> words."""
    found = {}
    for number, line in enumerate(lines, start=1):
        start = line.lstrip()[:4]
        if start.startswith(("#", "//", "<!--")) and not (number == 1 and start.startswith("#!")):
            match = _COMMENT.match(line)
            if match:
                found[number] = match[1].strip()
    return found


def comment_behind(rest: str) -> str | None:
    """Return the comment in what follows a value on its line."""
    position = rest.find("#")
    slashes = rest.find("//")
    if position < 0 or 0 <= slashes < position:
        position, skipped = slashes, 2
    else:
        skipped = 1
    if position < 0:
        return None
    return rest[position + skipped :].strip().strip("#").lstrip("←→<-> ").strip() or None
