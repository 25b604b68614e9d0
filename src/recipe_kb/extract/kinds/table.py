"""Tables of Markdown: a column of settings with values beside it, or a row for each configuration."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recipe_kb.extract.found import Entry
from recipe_kb.extract.values import plain

_SETTING = re.compile(
    r"^(?:hyper-?)?(?:setting|parameter|param|argument|arg|option|flag|field|key|variable|metric|name|config key|knob"
    r"|tham số|siêu tham số|thiết lập|thông số|cấu hình|tuỳ chọn|tùy chọn|biến|chỉ số|tên)s?$",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"^(?:reason|why|note|notes|comment|comments|change|changes|description|meaning|effect|impact|source|explanation"
    r"|lý do|lí do|ghi chú|giải thích|mô tả|thay đổi|ý nghĩa|tác dụng|ảnh hưởng|nguồn|vì sao|tại sao"
    r"|type|kiểu|unit|đơn vị)$",
    re.IGNORECASE,
)
_PAIR = re.compile(r"([A-Za-z_][\w.\-]*)\s*[=:]\s*([\w.+\-%]+)")
_SHORT = re.compile(
    r"(?P<batch>\d+)\s*\+\s*(?:grad(?:ient)?\s+)?(?P<name>accum\w*|tích l[uũ]ỹ|tích luỹ)\s*(?P<steps>\d+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text as it stands there and its place."""

    text: str
    line: int
    column: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """The entries of one configuration of a table: of a row, or of a column over the lines `span`."""

    label: str
    entries: Sequence[Entry]
    said: Sequence[tuple[int, str]]
    span: tuple[int, int]


def read(header: Sequence[Cell], rows: Sequence[Sequence[Cell]], is_setting: Callable[[Entry], bool]) -> list[Group]:
    """Return the configurations of one table.

    Args:
        header: Its first row.
        rows: The others.
        is_setting: Says whether an entry's name is one of a setting.
    """
    if not header or not rows:
        return []
    names = [row[0] for row in rows if row]
    first = plain(header[0].text)
    named = sum(is_setting(_entry(cell.text, cell)) for cell in names)
    by_row = any(is_setting(_entry(cell.text, cell)) for cell in header)
    if _SETTING.match(first) or (named * 2 > len(names) and not by_row):
        return _by_column(header, rows)
    return _by_row(header, rows, is_setting)


def _by_column(header: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> list[Group]:
    """Each column of values is a configuration: `Setting | Old | New`."""
    groups = []
    for position, head in enumerate(header[1:], start=1):
        label = plain(head.text)
        if _REASON.match(label):
            continue
        entries = [_entry(row[0].text, row[position]) for row in rows if len(row) > position and row[0].text]
        said = [(head.line, label)] if label else []
        span = (header[0].line, rows[-1][0].line if rows[-1] else header[0].line)
        groups.append(Group(label, [entry for entry in entries if entry.text], said, span))
    return groups


def _by_row(header: Sequence[Cell], rows: Sequence[Sequence[Cell]], is_setting: Callable[[Entry], bool]) -> list[Group]:
    """Each row is a configuration: `Model | Max Length | Batch`; cells may hold several settings themselves."""
    columns = [plain(cell.text) for cell in header]
    settings = [position for position, cell in enumerate(header) if is_setting(_entry(cell.text, cell))]
    groups: list[Group] = []
    for row in rows:
        cells = [(position, cell) for position, cell in enumerate(row[: len(columns)]) if cell.text.strip()]
        said = [(cell.line, f"{columns[position]}: {plain(cell.text)}") for position, cell in cells]
        label = plain(row[0].text) if row else ""
        alternatives = [found for position, cell in cells for found in _inside(cell, is_setting, columns[position])]
        if alternatives:
            several = len(alternatives) > 1
            for number, entries in enumerate(alternatives, start=1):
                rest = [
                    _entry(columns[at], cell) for at, cell in cells if at in settings and not _covers(entries, cell)
                ]
                groups.append(
                    Group(
                        f"{label} ({number})" if several else label, [*entries, *rest], said, (row[0].line, row[0].line)
                    )
                )
            continue
        groups += _plain_rows([(columns[at], cell) for at, cell in cells if at in settings], label, said)
    return groups


def _covers(entries: Sequence[Entry], cell: Cell) -> bool:
    return any(entry.line == cell.line and entry.text in cell.text for entry in entries)


def _plain_rows(cells: Sequence[tuple[str, Cell]], label: str, said: Sequence[tuple[int, str]]) -> list[Group]:
    """Return one configuration of a row; the composer splits it where two columns name one setting."""
    entries = [_entry(name, cell) for name, cell in cells]
    line = cells[0][1].line if cells else 0
    return [Group(label, entries, said, (line, line))] if entries else []


def _inside(cell: Cell, is_setting: Callable[[Entry], bool], column: str) -> list[list[Entry]]:
    """Return the configurations that one cell spells out: `batch=8, accum=2`, `16 + accum 4`."""
    found = []
    for piece in re.split(r"\s+(?:or|hoặc|hay)\s+", cell.text):
        pairs = [_pair(match[1], match[2], match.start(2), piece, cell) for match in _PAIR.finditer(piece)]
        pairs = [pair for pair in pairs if is_setting(pair)]
        if pairs:
            found.append(pairs)
    short = _SHORT.search(plain(cell.text))
    if short and not found:
        batch = _pair(column, short["batch"], cell.text.find(short["batch"]), cell.text, cell)
        steps = _pair("accumulation", short["steps"], cell.text.rfind(short["steps"]), cell.text, cell)
        batch.of_words = True
        found.append([batch, steps])
    return found


def _pair(name: str, value: str, start: int, piece: str, cell: Cell) -> Entry:
    offset = cell.text.find(piece)
    column = cell.column + offset + start if cell.column is not None and offset >= 0 else None
    end = column + len(value) if column is not None else None
    return Entry(path=name, written=name, text=value, line=cell.line, start=column, end=end)


def _entry(name: str, cell: Cell) -> Entry:
    """Make an entry of a row or column; emphasis and code marks are no part of name and value."""
    text = plain(cell.text)
    start = cell.text.find(text) if text else -1
    column = cell.column + start if cell.column is not None and start >= 0 else None
    end = column + len(text) if column is not None else None
    shown = plain(name)
    return Entry(path=shown, written=shown, text=text, line=cell.line, start=column, end=end, of_words=True)
