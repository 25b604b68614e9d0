"""JSON with the place of every value; comments and trailing commas, which editors allow, are passed over."""

import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import NoReturn

from recipe_kb.extract.broken import json_fault
from recipe_kb.extract.found import (
    MAX_LINE,
    MAX_VALUES,
    Entry,
    NotThisKindError,
    Parsed,
    comment_behind,
    comment_lines,
    too_many,
)
from recipe_kb.i18n import _

MAX_DEPTH = 50
_SPACE = re.compile(r"(?:[ \t\n\r]+|//[^\n]*|/\*.*?\*/|#[^\n]*)*", re.DOTALL)
_WORD = re.compile(r"[-+]?\d[\d.eE+-]*|true|false|null|NaN|-?Infinity")


def read(text: str) -> Parsed:
    """Return every value.

    Raises:
        NotThisKindError: It is no JSON, or too deep.
    """
    lines = text.split("\n")
    entries = _Scanner(text, lines).run()
    return Parsed(entries=entries, comments=comment_lines(lines))


class _Scanner:
    """Walks over the text once; depth is limited, so that it may call itself."""

    def __init__(self, text: str, lines: list[str]) -> None:
        self.text, self.lines = text, lines
        self.position = self.line = 0
        self.line_start = 0
        self.counted = 0
        self.entries: list[Entry] = []

    def run(self) -> list[Entry]:
        """Read the one value that a text is."""
        self._skip()
        found = self._any("", 0)
        if found is not None:
            self._add(found)
        self._skip()
        if self.position < len(self.text):
            self._fail("Extra data")
        return self.entries

    def _any(self, path: str, depth: int) -> Entry | None:
        """Read a value; return it if it is a single one, else note what it holds."""
        opened = self.text[self.position : self.position + 1]
        if opened not in {"{", "["} or not opened:
            return self._value(path)
        if depth >= MAX_DEPTH:
            raise NotThisKindError(_("is nested too deeply"), self._line(), fatal=True)
        self.position += 1
        if opened == "{":
            self._object(path, depth)
        else:
            self._list(path, depth)
        return None

    def _object(self, path: str, depth: int) -> None:
        self._skip()
        while not self.text.startswith("}", self.position):
            found = self._any(self._key(path), depth + 1)
            if found is not None:
                self._add(found)
            self._comma("}")
        self.position += 1

    def _list(self, path: str, depth: int) -> None:
        items: list[Entry] = []
        index = 0
        self._skip()
        while not self.text.startswith("]", self.position):
            found = self._any(f"{path}.{index}" if path else str(index), depth + 1)
            if found is not None:
                items.append(found)
                if len(items) > 10 * MAX_VALUES:
                    raise too_many(found.line)
            index += 1
            self._comma("]")
        self.position += 1
        if items:
            self._add(_of_list(path, items))

    def _add(self, entry: Entry) -> None:
        self.entries.append(entry)
        if len(self.entries) > MAX_VALUES:
            raise too_many(entry.line)

    def _key(self, path: str) -> str:
        name, _end = self._string()
        self._skip()
        if not self.text.startswith(":", self.position):
            self._fail("Expecting ':' delimiter")
        self.position += 1
        self._skip()
        return f"{path}.{name[:200]}" if path else name[:200]

    def _string(self) -> tuple[str, int]:
        if not self.text.startswith('"', self.position):
            self._fail("Expecting property name")
        try:
            value, self.position = scanstring(self.text, self.position + 1, False)
        except ValueError as error:
            self._fail(str(error))
        return value, self.position

    def _value(self, path: str) -> Entry:
        start = self.position
        line = self._line()
        column = start - self.line_start
        holder = path.rpartition(".")[0] or "."
        if self.text.startswith('"', start):
            value, end = self._string()
            exact = self.text[start + 1 : end - 1] == value and "\n" not in value
            place = (column + 1, column + 1 + len(value)) if exact else (None, None)
        else:
            match = _WORD.match(self.text, start)
            if not match:
                self._fail("Expecting value")
            value, end = match[0], match.end()
            self.position = end
            place = (column, column + len(value))
        entry = Entry(path=path, written=path, text=value, line=line, start=place[0], end=place[1], holder=holder)
        if "\n" not in value and len(self.lines[line - 1]) <= MAX_LINE:
            rest = self.lines[line - 1][end - self.line_start :]
            entry.comment = comment_behind(rest) if "//" in rest or "#" in rest else None
        return entry

    def _comma(self, closes: str) -> None:
        """Go over the comma after a value; none is needed before the end of what it stands in."""
        self._skip()
        if self.text.startswith(",", self.position):
            self.position += 1
            self._skip()
        elif not self.text.startswith(closes, self.position):
            self._fail("Expecting ',' delimiter")

    def _skip(self) -> None:
        match = _SPACE.match(self.text, self.position)
        if match:
            self.position = match.end()

    def _line(self) -> int:
        """Return the line of the position; lines before the last answer are not counted again."""
        passed = self.text.count("\n", self.counted, self.position)
        if passed:
            self.line += passed
            self.line_start = self.text.rfind("\n", 0, self.position) + 1
        self.counted = self.position
        return self.line + 1

    def _fail(self, words: str) -> NoReturn:
        """Refuse the text at this place, for a reason in the words of the standard library's parser."""
        line = self._line()
        raise NotThisKindError(json_fault(words), line, self.position - self.line_start)


def _of_list(path: str, items: list[Entry]) -> Entry:
    text = ", ".join(item.text for item in items)
    holder = path.rpartition(".")[0] or "."
    return Entry(path=path, written=path, text=text, line=items[0].line, items=items, holder=holder)
