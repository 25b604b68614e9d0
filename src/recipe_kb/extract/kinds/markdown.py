"""Markdown: fenced blocks and tables, each with what the headings and sentences around it say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from recipe_kb.extract.fences import LANGUAGES
from recipe_kb.extract.found import Part
from recipe_kb.extract.values import plain

_TITLE_LENGTH = 100
_SENTENCES, _OF_SECTION = 8, 40
"""Lines that are looked at for what a block is about."""
_BOLD = re.compile(r"^(?:[-*+]\s+|\d+[.)]\s+)?\*\*(.+?)\*\*")


@dataclass(kw_only=True)
class _Section:
    """A heading and what has been said under it so far."""

    level: int
    said: list[tuple[int, str]] = field(default_factory=list)
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Document:
    """The parts of a document and everything that it says between them."""

    parts: Sequence[Part]
    prose: Sequence[tuple[int, str]]


@dataclass(frozen=True, kw_only=True)
class TablePart:
    """A table, header first: its cells with their text, line and column."""

    rows: Sequence[Sequence[tuple[str, int, int | None]]]
    title: str
    around: Sequence[Sequence[tuple[int, str]]]


@cache
def _parser() -> Any:
    """Make a parser of blocks; what stands inside a line is not parsed, which is most of the work."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": 40}).enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def read(
    lines: Sequence[str], numbers: Sequence[int], columns: Sequence[int | None] | None = None
) -> tuple[Document, list[TablePart]]:
    """Return the fenced blocks and the tables of a document.

    Args:
        lines: Of the document.
        numbers: For each of them its line in the file.
        columns: For each of them where it begins in that line; None if all begin at its start.
    """
    return _Walk(lines, numbers, columns or [0] * len(lines)).run()


class _Walk:
    """Goes over the blocks in their order and remembers headings and sentences."""

    def __init__(self, lines: Sequence[str], numbers: Sequence[int], columns: Sequence[int | None]) -> None:
        self.lines, self.numbers, self.columns = lines, numbers, columns
        self.sections = [_Section(level=0)]
        self.recent: list[tuple[int, str]] = []
        self.prose: list[tuple[int, str]] = []
        self.parts: list[Part] = []
        self.tables: list[TablePart] = []

    def run(self) -> tuple[Document, list[TablePart]]:
        tokens = _parser().parse("\n".join(self.lines))
        heading = 0
        rows: list[list[tuple[str, int, int | None]]] | None = None
        row_line = column = 0
        for token in tokens:
            kind = token.type
            if kind == "heading_open":
                heading = int(token.tag[1:])
            elif kind == "table_open":
                rows = []
            elif kind == "tr_open" and rows is not None:
                rows.append([])
                row_line, column = token.map[0] if token.map else row_line, 0
            elif kind == "table_close" and rows is not None:
                recent = self.recent[-_SENTENCES:]
                title, _line = self._title()
                self.tables.append(TablePart(rows=rows, title=title, around=self._around(recent)))
                self.recent, rows = [], None
            elif kind == "inline":
                if rows is not None:
                    column = self._cell(rows, token.content, row_line, column)
                else:
                    self._say(token, heading)
                    heading = 0
            elif kind in {"fence", "code_block"}:
                self._fence(token)
        return Document(parts=self.parts, prose=self.prose), self.tables

    def _cell(self, rows: list[list[tuple[str, int, int | None]]], text: str, line: int, column: int) -> int:
        raw = self.lines[line] if line < len(self.lines) else ""
        found = raw.find(text, column) if text else -1
        rows[-1].append((text, self._number(line), self._column(line, found)))
        return found + len(text) if found >= 0 else column

    def _column(self, line: int, within: int) -> int | None:
        begin = self.columns[line] if line < len(self.columns) else None
        return begin + within if begin is not None and within >= 0 else None

    def _number(self, line: int) -> int:
        return self.numbers[min(line, len(self.numbers) - 1)]

    def _say(self, token: Any, heading: int) -> None:
        line = self._number(token.map[0] if token.map else 0)
        said = [(line + offset, text) for offset, text in enumerate(token.content.split("\n"))]
        self.prose += said
        if heading:
            while self.sections[-1].level >= heading:
                self.sections.pop()
            self.sections.append(_Section(level=heading, said=list(said), title=plain(token.content)))
            self.recent = []
        else:
            self.sections[-1].said += said
            self.recent += said

    def _title(self) -> tuple[str, int | None]:
        """Return what names a block, and its line: a line before it in bold or with a colon at its end.

        Else the heading, which others share. A line that names this block says nothing about the next.
        """
        if self.recent:
            line, words = self.recent[-1]
            last = words.strip()
            if _BOLD.match(last) or last.endswith(":"):
                section = self.sections[-1]
                section.said = [each for each in section.said if each[0] != line]
                return plain(last).rstrip(":").strip()[:_TITLE_LENGTH], line
        return self.sections[-1].title[:_TITLE_LENGTH], None

    def _around(self, recent: list[tuple[int, str]]) -> list[list[tuple[int, str]]]:
        """Return what is said, nearest first: the last sentences, this section, those that it belongs to."""
        return [recent, *(section.said[-_OF_SECTION:] for section in reversed(self.sections))]

    def _fence(self, token: Any) -> None:
        info = (
            re.split(r"[\s,:{}]+", token.info.strip().strip("{}").strip())[0].lower() if token.type == "fence" else ""
        )
        kind = LANGUAGES.get(info)
        if kind is None or not token.map:
            return
        first = token.map[0] + (token.type == "fence")
        content = token.content.split("\n")
        if content and not content[-1]:
            content.pop()
        numbers, columns = [], []
        for offset, line in enumerate(content):
            raw = self.lines[first + offset] if first + offset < len(self.lines) else ""
            numbers.append(self._number(first + offset))
            columns.append(self._column(first + offset, len(raw) - len(line) if raw.endswith(line) else -1))
        if content:
            recent = self.recent[-_SENTENCES:]
            title, line = self._title()
            around = self._around(recent)
            self.parts.append(
                Part(
                    kind=kind,
                    text="\n".join(content),
                    lines=numbers,
                    columns=columns,
                    title=title,
                    around=around,
                    title_line=line,
                    span=(numbers[0], numbers[-1]),
                )
            )
        self.recent = []
