"""A CSV file of measured runs, read strictly: everything that is wrong is said at once, with file and line."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLUMNS = (
    "id", "tier", "source", "model", "arch", "task", "optimizer", "batch", "grad_accum", "seq_len", "precision",
    "gradient_checkpointing", "attn", "transformers", "torch", "gpu", "counter", "includes_cuda_context",
    "measured_MiB", "xmem_est_MiB", "DNNMem_MiB", "SchedTune_MiB", "LLMem_MiB", "Horus_MiB", "conditions",
)  # fmt: skip
PUBLISHED = {
    "xMem": "xmem_est_MiB",
    "DNNMem": "DNNMem_MiB",
    "SchedTune": "SchedTune_MiB",
    "LLMem": "LLMem_MiB",
    "Horus": "Horus_MiB",
}
"""Estimator -> its column: estimates that were published with the measurement."""
TIERS = ("A", "B", "C")


class TableError(Exception):
    """One or more lines `file:line: what is wrong`."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, kw_only=True)
class MeasuredRow:
    """One measured run, as its line says it; `text` holds the columns that are prose."""

    line: int
    id: str
    tier: str
    measured_mib: float
    published: dict[str, float]
    arch: dict[str, Any] | None
    text: dict[str, str]


def read_table(path: Path) -> list[MeasuredRow]:
    """Read all rows of a table.

    Raises:
        TableError: The file cannot be read, a column is missing, or a line is malformed.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, cells) for cells in reader if cells]
    except (OSError, UnicodeDecodeError) as error:
        raise TableError([f"{path}: cannot be read: {error}"]) from error
    except csv.Error as error:
        raise TableError([f"{path}:{reader.line_num}: {error}"]) from error
    if not lines:
        raise TableError([f"{path}:1: the file is empty (expected a line with the columns)"])
    header = lines[0][1]
    if missing := [name for name in COLUMNS if name not in header]:
        raise TableError([f"{path}:1: missing columns: {', '.join(missing)}"])
    if len(lines) == 1:
        raise TableError([f"{path}:1: no rows below the columns"])
    return _rows(path, header, lines[1:])


def _rows(path: Path, header: list[str], lines: list[tuple[int, list[str]]]) -> list[MeasuredRow]:
    rows, problems, first_line = [], list[str](), dict[str, int]()
    for line, cells in lines:
        where = f"{path}:{line}"
        if len(cells) != len(header):
            problems.append(f"{where}: {len(cells)} cells (expected {len(header)}, as in the first line)")
            continue
        text = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        row, wrong = _row(line, text)
        if row.id in first_line:
            wrong.append(f"id {row.id!r} is that of line {first_line[row.id]} too")
        first_line.setdefault(row.id, line)
        problems += [f"{where}: {what}" for what in wrong]
        rows.append(row)
    if problems:
        raise TableError(problems)
    return rows


def _row(line: int, text: dict[str, str]) -> tuple[MeasuredRow, list[str]]:
    wrong = list[str]()
    if not text["id"]:
        wrong.append("id is empty")
    if text["tier"] not in TIERS:
        wrong.append(f"tier is {text['tier']!r} (expected one of {', '.join(TIERS)})")
    measured = _positive(text, "measured_MiB", wrong)
    published = {name: _positive(text, column, wrong) for name, column in PUBLISHED.items() if text[column]}
    row = MeasuredRow(
        line=line,
        id=text["id"],
        tier=text["tier"],
        measured_mib=measured,
        published=published,
        arch=_arch(text["arch"], wrong),
        text=text,
    )
    return row, wrong


def _positive(text: dict[str, str], column: str, wrong: list[str]) -> float:
    try:
        number = float(text[column])
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        wrong.append(f"{column} is {text[column]!r} (expected a positive number)")
    return number


def _arch(cell: str, wrong: list[str]) -> dict[str, Any] | None:
    """Read the architecture; words instead of a JSON object mean that it is not given."""
    if not cell.startswith("{"):
        return None
    try:
        arch: dict[str, Any] = json.loads(cell)
    except json.JSONDecodeError as error:
        wrong.append(f"arch is not JSON: {error}")
        return None
    return arch
