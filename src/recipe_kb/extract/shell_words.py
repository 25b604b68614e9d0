r"""Shell text -> its commands as words with their places; nothing is expanded.

Guides write `--flag 8 \\  # change this`, which no shell takes: a backslash before a comment goes on as it was meant.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"""(?:[^\s"'\\;|&]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|["'\\&](?=\S))+|[;|&]+""")
_MAX_LINE = 20_000


@dataclass(frozen=True, slots=True)
class Word:
    """One word, and where it stands: line from 1, columns from 0."""

    text: str
    line: int
    start: int
    end: int
    quoted: bool


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        words: Over all the lines that it goes on for.
        comments: Line -> what is said behind its words.
        head: Its first line.
    """

    words: Sequence[Word]
    comments: Mapping[int, str]
    head: int


def commands(lines: Sequence[str]) -> Iterator[Command]:
    """Yield each command, over continued lines."""
    words: list[Word] = []
    comments: dict[int, str] = {}
    for number, line in enumerate(lines, start=1):
        if len(line) > _MAX_LINE or (line.lstrip().startswith("#") and not line.lstrip().startswith("#SBATCH")):
            continue
        found, comment, continues = _words(line, number)
        words += found
        if comment:
            comments[number] = comment
        if (not continues and not (words and not found)) or not found:
            yield from _split(words, comments)
            words, comments = [], {}
    yield from _split(words, comments)


def _split(words: list[Word], comments: dict[int, str]) -> Iterator[Command]:
    """Split at `;`, `&&` and `|`; what is said above the first is said of all."""
    head = words[0].line if words else 0
    command: list[Word] = []
    for word in words:
        if word.text.strip(";|&") or word.quoted:
            command.append(word)
        elif command:
            yield Command(command, comments, head)
            command = []
    if command:
        yield Command(command, comments, head)


def _words(line: str, number: int) -> tuple[list[Word], str | None, bool]:
    """Split one line; return its words, the comment behind them, and whether the command goes on."""
    words: list[Word] = []
    begin = len(line) - len(line.lstrip(" \t$>!%"))
    if (
        line.lstrip()[:1] not in {"$", ">", "!", "%"}
        or line.lstrip()[:2] in {"${", "$("}
        or line.lstrip().startswith("$env:")
    ):
        begin = 0
    if line.lstrip().startswith("#SBATCH"):
        begin = line.find("#SBATCH") + len("#SBATCH")
    continues, comment = False, None
    for match in _WORD.finditer(line, begin):
        text = match[0]
        before = line[match.start() - 1 : match.start()]
        if text.startswith("#") and (not before or before.isspace()):
            comment = line[match.start() :].strip("# \t") or None
            break
        start, end = match.start(), match.end()
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
        if quoted:
            text, start, end = text[1:-1], start + 1, end - 1
        words.append(Word(text, number, start, end, quoted))
    tail = line if comment is None else line[: line.find("#", words[-1].end if words else 0)]
    if tail.rstrip().endswith(("\\", "^", "`")):
        continues = True
        if words and words[-1].text in {"\\", "^", "`"}:
            words.pop()
        elif words and words[-1].text.endswith("\\"):
            last = words.pop()
            words.append(Word(last.text[:-1], last.line, last.start, last.end - 1, last.quoted))
    return words, comment, continues
