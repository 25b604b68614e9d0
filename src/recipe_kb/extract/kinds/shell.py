"""Command lines and shell scripts: flags, `name=value` words and variables. Nothing is expanded by a shell."""

import re
from collections.abc import Iterator, Mapping, Sequence

from recipe_kb.extract.found import MAX_VALUES, Entry, Parsed, comment_lines, too_many
from recipe_kb.extract.shell_words import Command, Word, commands

_VARIABLE = re.compile(r"^(?:\$env:)?([A-Za-z_]\w*)(?::=|\?=|\+=|=)(.*)$", re.DOTALL)
_OVERRIDE = re.compile(r"^\+{0,2}([A-Za-z_][\w.\-/]*)=(?!=)(.*)$", re.DOTALL)
_FLAG = re.compile(r"^--?([A-Za-z_][\w.\-]*)(?:=(.*))?$", re.DOTALL)
_REFERENCE = re.compile(r"^\$\{?([A-Za-z_]\w*)(?::?[-=](.*?))?\}?$")
_DECLARES = frozenset({"export", "declare", "readonly", "local", "ENV", "set", "setenv", "ARG", "env", "%env"})
_NO = ("no_", "no-")


def read(text: str) -> Parsed:
    """Return flags and variables.

    Raises:
        NotThisKindError: There are more than anybody writes; else it never fails.
    """
    lines = text.split("\n")
    entries: list[Entry] = []
    variables: dict[str, Entry] = {}
    used: set[str] = set()
    for holder, command in enumerate(commands(lines)):
        entries += _of_command(command, holder, variables, used)
        if len(entries) > MAX_VALUES:
            raise too_many(entries[-1].line)
    kept = [entry for entry in entries if not (entry.holder is None and entry.written in used)]
    return Parsed(entries=kept, comments=comment_lines(lines))


def _of_command(command: Command, holder: int, variables: dict[str, Entry], used: set[str]) -> Iterator[Entry]:
    words, comments = command.words, command.comments
    position, declared = 0, False
    while position < len(words):
        word = words[position]
        if word.text in _DECLARES and not word.quoted:
            declared = True
            if (
                word.text in {"ENV", "setenv", "env", "%env"}
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
    for entry in _flags(words[position:], comments, holder, variables, used):
        entry.head = command.head
        yield entry


def _all_variables(words: Sequence[Word]) -> bool:
    return all(_VARIABLE.match(word.text) for word in words)


def _variable(name: str, word: Word, value: str, comments: Mapping[int, str], variables: dict[str, Entry]) -> Entry:
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
    words: Sequence[Word], comments: Mapping[int, str], holder: int, variables: dict[str, Entry], used: set[str]
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
                place = Word(text, word.line, start, end, False)
            elif following is not None and (
                not following.text.startswith("-") or following.quoted or _is_number(following.text)
            ):
                place = following
                position += 1
            else:
                off = name.startswith(_NO)
                name = name[3:] if off else name
                place = Word("false" if off else "true", word.line, -1, -1, False)
        elif override:
            name = override[1].replace("/", ".")
            text, start, end = _unquoted(override[2], word.end - len(override[2]))
            place = Word(text, word.line, start, end, False)
        else:
            continue
        yield _resolved(name, place, comments, holder, variables, used)


def _resolved(
    name: str, place: Word, comments: Mapping[int, str], holder: int, variables: dict[str, Entry], used: set[str]
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
