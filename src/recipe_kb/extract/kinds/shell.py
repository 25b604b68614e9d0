r"""Command lines and shell scripts: flags, `name=value` words and variables. Nothing is expanded by a shell.

Guides write `--flag 8 \\  # change this`, which no shell takes: a backslash before a comment goes on as it was meant.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recipe_kb.extract.found import MAX_VALUES, Entry, Parsed, comment_lines, too_many

_WORD = re.compile(r"""(?:[^\s"'\\;|&]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|["'\\&](?=\S))+|[;|&]+""")
_VARIABLE = re.compile(r"^(?:\$env:)?([A-Za-z_]\w*)(?::=|\?=|\+=|=)(.*)$", re.DOTALL)
_OVERRIDE = re.compile(r"^\+{0,2}([A-Za-z_][\w.\-/]*)=(?!=)(.*)$", re.DOTALL)
_FLAG = re.compile(r"^--?([A-Za-z_][\w.\-]*)(?:=(.*))?$", re.DOTALL)
_REFERENCE = re.compile(r"^\$\{?([A-Za-z_]\w*)(?::?[-=](.*?))?\}?$")
_DECLARES = frozenset({"export", "declare", "readonly", "local", "ENV", "set", "setenv", "ARG", "%env"})
_NO = ("no_", "no-")
_MAX_LINE = 20_000


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    line: int
    start: int
    end: int
    quoted: bool


def read(text: str) -> Parsed:
    """Return flags and variables.

    Raises:
        NotThisKindError: There are more than anybody writes; else it never fails.
    """
    lines = text.split("\n")
    entries: list[Entry] = []
    variables: dict[str, Entry] = {}
    used: set[str] = set()
    for holder, (words, comments) in enumerate(_commands(lines)):
        entries += _of_command(words, comments, holder, variables, used)
        if len(entries) > MAX_VALUES:
            raise too_many(entries[-1].line)
    kept = [entry for entry in entries if not (entry.holder is None and entry.written in used)]
    return Parsed(entries=kept, comments=comment_lines(lines))


def _commands(lines: Sequence[str]) -> Iterator[tuple[list[_Word], dict[int, str]]]:
    """Yield the words of each command, over continued lines, and the comments behind them by line."""
    words: list[_Word] = []
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


def _split(words: list[_Word], comments: dict[int, str]) -> Iterator[tuple[list[_Word], dict[int, str]]]:
    """Split at `;`, `&&` and `|`."""
    command: list[_Word] = []
    for word in words:
        if word.text.strip(";|&") or word.quoted:
            command.append(word)
        elif command:
            yield command, comments
            command = []
    if command:
        yield command, comments


def _words(line: str, number: int) -> tuple[list[_Word], str | None, bool]:
    """Split one line; return its words, the comment behind them, and whether the command goes on."""
    words: list[_Word] = []
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
        words.append(_Word(text, number, start, end, quoted))
    tail = line if comment is None else line[: line.find("#", words[-1].end if words else 0)]
    if tail.rstrip().endswith(("\\", "^", "`")):
        continues = True
        if words and words[-1].text in {"\\", "^", "`"}:
            words.pop()
        elif words and words[-1].text.endswith("\\"):
            last = words.pop()
            words.append(_Word(last.text[:-1], last.line, last.start, last.end - 1, last.quoted))
    return words, comment, continues


def _of_command(
    words: Sequence[_Word], comments: dict[int, str], holder: int, variables: dict[str, Entry], used: set[str]
) -> Iterator[Entry]:
    position, declared = 0, False
    while position < len(words):
        word = words[position]
        if word.text in _DECLARES and not word.quoted:
            declared = True
            if (
                word.text in {"ENV", "setenv", "%env"}
                and position + 2 < len(words)
                and "=" not in words[position + 1].text
            ):
                yield _variable(
                    words[position + 1].text, words[position + 2], words[position + 2].text, comments, variables
                )
                position += 2
            position += 1
            continue
        match = None if word.quoted else _VARIABLE.match(word.text)
        if not match or not (declared or position == 0 or _all_variables(words[:position])):
            break
        yield _variable(match[1], word, match[2], comments, variables)
        position += 1
    yield from _flags(words[position:], comments, holder, variables, used)


def _all_variables(words: Sequence[_Word]) -> bool:
    return all(_VARIABLE.match(word.text) for word in words)


def _variable(name: str, word: _Word, value: str, comments: dict[int, str], variables: dict[str, Entry]) -> Entry:
    text, start, end = _unquoted(value, word.end - len(value))
    reference = _REFERENCE.match(text)
    if reference and reference[2]:
        start, text = start + text.find(reference[2]), reference[2]
        end = start + len(text)
    entry = Entry(
        path=name,
        written=name,
        text=text,
        line=word.line,
        start=start,
        end=end,
        comment=comments.get(word.line),
        computed="$" in text or "`" in text,
    )
    variables[name] = entry
    return entry


def _unquoted(text: str, start: int) -> tuple[str, int, int]:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1], start + 1, start + len(text) - 1
    return text, start, start + len(text)


def _flags(
    words: Sequence[_Word], comments: dict[int, str], holder: int, variables: dict[str, Entry], used: set[str]
) -> Iterator[Entry]:
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        flag = None if word.quoted or _is_number(word.text) else _FLAG.match(word.text)
        override = None if word.quoted or flag or position == 1 else _OVERRIDE.match(word.text)
        if flag:
            name, value = flag[1], flag[2]
            following = words[position] if position < len(words) else None
            if value is not None:
                text, start, end = _unquoted(value, word.end - len(value))
                place = _Word(text, word.line, start, end, False)
            elif following is not None and (
                not following.text.startswith("-") or following.quoted or _is_number(following.text)
            ):
                place = following
                position += 1
            else:
                off = name.startswith(_NO)
                name = name[3:] if off else name
                place = _Word("false" if off else "true", word.line, -1, -1, False)
        elif override:
            name = override[1].replace("/", ".")
            text, start, end = _unquoted(override[2], word.end - len(override[2]))
            place = _Word(text, word.line, start, end, False)
        else:
            continue
        yield _resolved(name, place, comments, holder, variables, used)


def _resolved(
    name: str, place: _Word, comments: dict[int, str], holder: int, variables: dict[str, Entry], used: set[str]
) -> Entry:
    """Return a flag; where its value is a variable of the script, the value and the place of that."""
    entry = Entry(
        path=name,
        written=name,
        text=place.text,
        line=place.line,
        comment=comments.get(place.line),
        holder=holder,
        start=place.start if place.start >= 0 else None,
        end=place.end if place.start >= 0 else None,
    )
    if "$" not in place.text and "`" not in place.text:
        return entry
    reference = _REFERENCE.match(place.text)
    known = variables.get(reference[1]) if reference else None
    if known is not None and not known.computed:
        used.add(known.written)
        entry.text, entry.line, entry.start, entry.end = known.text, known.line, known.start, known.end
        entry.comment = known.comment
    elif reference and reference[2]:
        entry.text, entry.start, entry.end = reference[2], None, None
    else:
        entry.computed = True
    return entry


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-[\d.]+(?:[eE][-+]?\d+)?", text) is not None
