"""A file -> its parts: fenced blocks and tables of a document, cells of a notebook, or the whole of any other file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from recipe_kb.extract.found import Entry, Parsed, Part
from recipe_kb.extract.names import Names
from recipe_kb.extract.segments import label_of

MAX_PARTS = 1_000
_MAX_ROWS = 500
_NO_COLUMN = frozenset({"model_name_or_path", "dataset_name", "method"})
"""Columns of a table that say what a row is for, and are no setting of it."""

_OTHER_CELL = re.compile(r"%%(?!writefile\s.*\.py\s*$)")
"""What makes a cell no Python; one that is written to a file of Python is some."""


@dataclass(kw_only=True)
class _Code:
    """The code of a notebook, cell after cell, so that a constant of one is known in the next."""

    lines: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    columns: list[int | None] = field(default_factory=list)

    def add(self, lines: Sequence[str], numbers: Sequence[int], columns: Sequence[int | None]) -> None:
        self.lines += [*lines, ""]
        self.numbers += [*numbers, numbers[-1] if numbers else 1]
        self.columns += [*columns, None]


def of_whole(kind: str, lines: Sequence[str]) -> list[Part]:
    """Return a file that is written in one kind."""
    numbers = range(1, len(lines) + 1)
    return [Part(kind=kind, text="\n".join(lines), lines=numbers, columns=[0] * len(numbers))]


def of_markdown(
    lines: Sequence[str], numbers: Sequence[int], names: Names, columns: Sequence[int | None] | None = None
) -> tuple[list[Part], Sequence[tuple[int, str]]]:
    """Return the fenced blocks and tables of a document, and all that it says.

    Args:
        lines: Of the document.
        numbers: For each of them its line in the file.
        names: Tell the columns of settings from others.
        columns: For each line where it begins in the file; None if all begin at the start of a line.
    """
    from recipe_kb.extract.kinds import markdown, table

    def is_setting(entry: Entry) -> bool:
        meaning = names.meaning(entry, None)
        return meaning is not None and meaning.name not in _NO_COLUMN

    document, tables = markdown.read(lines, numbers, columns)
    parts = list(document.parts)
    for one in tables:
        cells = [[table.Cell(*cell) for cell in row] for row in one.rows[:_MAX_ROWS]]
        parts += [
            Part(
                kind="markdown-table",
                text="",
                lines=(),
                columns=(),
                title=label_of(group.label) or one.title,
                around=[list(group.said), *one.around],
                parsed=Parsed(entries=group.entries),
                span=group.span,
            )
            for group in table.read(cells[0], cells[1:], is_setting)
        ]
    return parts, document.prose


def of_notebook(lines: Sequence[str], names: Names) -> list[Part]:
    """Return the code of a notebook as one part, and what its cells of text and shell hold.

    Raises:
        NotThisKindError: It is no notebook.
    """
    from recipe_kb.extract.kinds import notebook
    from recipe_kb.extract.python_tree import parses

    parts: list[Part] = []
    prose: list[tuple[int, str]] = []
    code = _Code()
    for cell in notebook.read("\n".join(lines)):
        if cell.kind == "markdown":
            inner, said = of_markdown(cell.lines, cell.numbers, names, cell.columns)
            parts += inner
            prose += said
            code.add(
                [f"# {words}" for _line, words in said[:1]], [line for line, _words in said[:1]], [None] * len(said[:1])
            )
        elif cell.kind == "code" and cell.lines and _OTHER_CELL.match(cell.lines[0]):
            if cell.lines[0].split()[0] in {"%%bash", "%%sh", "%%shell", "%%script"}:
                text = "\n".join(cell.lines[1:])
                parts.append(
                    Part(kind="shell", text=text, lines=cell.numbers[1:], columns=cell.columns[1:], around=[prose])
                )
        elif cell.kind == "code" and parses("\n".join(without_magics(cell.lines))):
            code.add(cell.lines, cell.numbers, cell.columns)
        elif cell.kind == "code":
            text = "\n".join(cell.lines)
            parts.append(Part(kind="text", text=text, lines=cell.numbers, columns=cell.columns, around=[prose]))
    if code.lines:
        text = "\n".join(code.lines)
        parts.append(Part(kind="python", text=text, lines=code.numbers, columns=code.columns, around=[prose]))
    return parts


def without_magics(lines: Sequence[str]) -> list[str]:
    """Blank what only a notebook understands: `!pip install`, `%load_ext`, `model?`."""
    kept = []
    for line in lines:
        stripped = line.lstrip()
        if stripped.startswith(("!", "%", "?")) or stripped.endswith("?"):
            indent = line[: len(line) - len(stripped)]
            kept.append(f"{indent}pass" if indent else "")
        else:
            kept.append(line)
    return kept


def without_prompts(part: Part) -> Part:
    """Drop the prompts of an interactive session, and what it printed, if the part is one."""
    lines = part.text.split("\n")
    if part.parsed or not any(line.startswith(">>> ") for line in lines):
        return part
    own = [line.startswith((">>> ", "... ")) for line in lines]
    text = "\n".join(line[4:] if prompted else "" for line, prompted in zip(lines, own, strict=True))
    return replace(part, text=text, columns=[None if column is None else column + 4 for column in part.columns])


def sides(part: Part) -> list[Part]:
    """Split a difference of two versions into the one before and the one after."""
    lines = part.text.split("\n")
    if any(line.startswith("@@") for line in lines):
        lines = ["" if line.startswith(("---", "+++", "@@", "diff ", "index ")) else line for line in lines]
    columns = [None if column is None else column + 1 for column in part.columns]
    made = []
    for title, other in (("before", "+"), ("after", "-")):
        text = "\n".join("" if line.startswith(other) else line[1:] for line in lines)
        made.append(replace(part, kind="", text=text, columns=columns, title=title, title_line=None))
    return made
