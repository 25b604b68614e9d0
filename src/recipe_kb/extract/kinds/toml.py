"""TOML: the standard library says what stands there, a second look at the lines says where."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from recipe_kb.extract.broken import toml_fault
from recipe_kb.extract.found import MAX_VALUES, Entry, NotThisKindError, Parsed, comment_behind, comment_lines, too_many
from recipe_kb.i18n import _

_LINE = re.compile(r"^\s*([A-Za-z0-9_\-.\"' ]+?)\s*=\s*(.*)$")
_TABLE = re.compile(r"^\s*\[\[?\s*([^\[\]]+?)\s*\]\]?")
_AT_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")
_MAX_NESTED = 400
"""Brackets in a row beyond which the standard library's parser would run out of stack."""


def read(text: str) -> Parsed:
    """Return every value.

    Raises:
        NotThisKindError: It is no TOML.
    """
    if "[" * _MAX_NESTED in text.replace(" ", "").replace("\n", "") or text.count("{") > MAX_VALUES:
        raise NotThisKindError(_("is nested too deeply"), fatal=True)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _AT_LINE.search(str(error))
        line, column = (int(match[1]), int(match[2]) - 1) if match else (None, None)
        raise NotThisKindError(toml_fault(str(error).partition(" (at")[0]), line, column) from error
    except RecursionError as error:
        raise NotThisKindError(_("is nested too deeply"), fatal=True) from error
    lines = text.split("\n")
    places = _places(lines)
    entries = []
    for path, value in _leaves(document):
        entries.append(_entry(path, value, places.get(path), lines))
        if len(entries) > MAX_VALUES:
            raise too_many()
    entries.sort(key=lambda entry: entry.line)
    return Parsed(entries=entries, comments=comment_lines(lines))


def _leaves(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield path and value of everything that is no table."""
    todo: list[tuple[str, Any]] = [("", document)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, dict):
            todo += [(f"{path}.{key}" if path else key, inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            todo += [(f"{path}.{index}", item) for index, item in reversed(list(enumerate(value)))]
        else:
            yield path, value


def _places(lines: list[str]) -> dict[str, tuple[int, int]]:
    """Return path -> (line from 1, column of the value)."""
    places: dict[str, tuple[int, int]] = {}
    table, tables = "", dict[str, int]()
    for number, line in enumerate(lines, start=1):
        header = _TABLE.match(line)
        if header and "=" not in line.partition("#")[0]:
            table = ".".join(part.strip().strip("\"'") for part in header[1].split("."))
            if line.lstrip().startswith("[["):
                tables[table] = tables.get(table, -1) + 1
                table = f"{table}.{tables[table]}"
            continue
        match = _LINE.match(line)
        if match:
            key = ".".join(part.strip().strip("\"'") for part in match[1].split("."))
            places.setdefault(f"{table}.{key}" if table else key, (number, match.start(2)))
    return places


def _entry(path: str, value: Any, place: tuple[int, int] | None, lines: list[str]) -> Entry:
    line, column = place or (1, 0)
    rest = lines[line - 1][column:] if place else ""
    holder = path.rpartition(".")[0] or "."
    if isinstance(value, list):
        items = [
            Entry(path=f"{path}.{index}", written=path, text=_text(item), line=line, holder=holder)
            for index, item in enumerate(value[:100])
        ]
        text = ", ".join(item.text for item in items)
        return Entry(path=path, written=path, text=text, line=line, items=items, holder=holder)
    entry = Entry(path=path, written=path, text=_text(value), line=line, holder=holder)
    quoted = int(isinstance(value, str))
    shown = rest[quoted:]
    if isinstance(value, str):
        exact = shown.startswith(value) and rest[:1] in {'"', "'"} and "\n" not in value
        length = len(value)
    else:
        match = re.match(r"[^\s,#\]}]+", shown)
        exact, length = match is not None, len(match[0]) if match else 0
        entry.text = match[0] if match else entry.text
    if exact:
        entry.start = column + quoted
        entry.end = entry.start + length
        entry.comment = comment_behind(rest[quoted + length + quoted :])
    return entry


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
