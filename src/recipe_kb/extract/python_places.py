"""Where a node of Python's syntax tree stands in its file, and what the file says there."""

import ast
from collections.abc import Sequence

from recipe_kb.extract.found import MAX_LINE, Entry, comment_behind
from recipe_kb.extract.syntax import column_of

_MAX_SOURCE = 200


class Places:
    """The lines that a tree was made of."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines

    def locate(self, entry: Entry, node: ast.expr) -> None:
        """Note the columns of a plain literal; a text that differs from its source has no place."""
        negative = isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
        if not (isinstance(node, ast.Constant) or negative) or node.end_lineno != node.lineno:
            return
        line = self.lines[node.lineno - 1]
        if len(line) > MAX_LINE:
            return
        start, end = column_of(line, node.col_offset), column_of(line, node.end_col_offset or 0)
        source = line[start:end]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if source[1:-1] != node.value or source[:1] not in "\"'":
                return
            start, end = start + 1, end - 1
        else:
            entry.text = source
        entry.start, entry.end = start, end

    def behind(self, node: ast.expr) -> str | None:
        """Return the comment behind a node on its last line."""
        number = node.end_lineno or node.lineno
        line = self.lines[number - 1]
        if len(line) > MAX_LINE:
            return None
        rest = line[column_of(line, node.end_col_offset or 0) :]
        return comment_behind(rest[rest.find("#") :]) if "#" in rest else None

    def source(self, node: ast.expr) -> str:
        """Return an expression as it is written, or the line on which it begins."""
        if node.end_lineno == node.lineno and len(self.lines[node.lineno - 1]) <= MAX_LINE:
            line = self.lines[node.lineno - 1]
            return line[column_of(line, node.col_offset) : column_of(line, node.end_col_offset or 0)][:_MAX_SOURCE]
        return self.lines[node.lineno - 1].strip()[:_MAX_SOURCE]
