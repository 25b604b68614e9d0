"""Notebooks: the source of their cells; what the cells printed is not read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipe_kb.extract.broken import json_fault
from recipe_kb.extract.found import NotThisKindError
from recipe_kb.i18n import _

_MISSES = 20
"""Lines that may be looked for in vain before their numbers are given up."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        kind: code, markdown or raw, as the notebook says.
        lines: Its source.
        numbers: For each line, where it stands in the file of the notebook.
        columns: For each line, the column at which it begins there; None where escapes move what follows.
    """

    kind: str
    lines: Sequence[str]
    numbers: Sequence[int]
    columns: Sequence[int | None]


def read(text: str) -> list[Cell]:
    """Return the cells of a notebook.

    Raises:
        NotThisKindError: It is no notebook.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        why = json_fault(getattr(error, "msg", ""))
        line, column = getattr(error, "lineno", None), getattr(error, "colno", None)
        raise NotThisKindError(why, line, column - 1 if column else None) from error
    except RecursionError as error:
        raise NotThisKindError(_("is nested too deeply"), fatal=True) from error
    cells = document.get("cells") if isinstance(document, dict) else None
    if cells is None and isinstance(document, dict) and isinstance(document.get("worksheets"), list):
        cells = [cell for sheet in document["worksheets"] if isinstance(sheet, dict) for cell in sheet.get("cells", ())]
    if not isinstance(cells, list):
        raise NotThisKindError(_("is not a notebook: it has no list of cells"))
    finder = _Finder(text)
    return [_cell(cell, finder) for cell in cells if isinstance(cell, dict)]


class _Finder:
    """Finds the lines of cells in the text of the file, each after the one before."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = self.line = self.counted = self.misses = 0

    def find(self, source: str) -> tuple[int, int | None]:
        """Return line and column of a line of a cell."""
        if self.misses < _MISSES and source.strip():
            for ascii_only in (False, True):
                written = json.dumps(source, ensure_ascii=ascii_only)
                found = self.text.find(written, self.position)
                if found >= 0:
                    self.line += self.text.count("\n", self.counted, found)
                    self.counted, self.position = found, found + len(written)
                    column = found - self.text.rfind("\n", 0, found)
                    return self.line + 1, column if written[1:-1].removesuffix("\\n") == source.rstrip("\n") else None
            self.misses += 1
        return self.line + 1, None


def _cell(cell: dict[str, Any], finder: _Finder) -> Cell:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        pieces = [piece for piece in source if isinstance(piece, str)]
    elif isinstance(source, str):
        number, _column = finder.find(source)
        lines = source.split("\n")
        return Cell(kind=_kind(cell), lines=lines, numbers=[number] * len(lines), columns=[None] * len(lines))
    else:
        pieces = []
    lines, numbers, columns = [], list[int](), list[int | None]()
    for piece in pieces:
        number, column = finder.find(piece)
        for offset, line in enumerate(piece.removesuffix("\n").split("\n")):
            lines.append(line)
            numbers.append(number)
            columns.append(column if not offset else None)
    return Cell(kind=_kind(cell), lines=lines, numbers=numbers, columns=columns)


def _kind(cell: dict[str, Any]) -> str:
    kind = cell.get("cell_type")
    return kind if isinstance(kind, str) else "code"
