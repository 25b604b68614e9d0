"""What plain names hold while a program is read from top to bottom; where two branches differ, nobody knows."""

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from recipe_kb.extract.syntax import UNKNOWN, Held, arithmetic, fold_constant

Changes = dict[str, Held | None]
"""What a block gives names; None for what only the running program knows."""
_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match)


class Constants:
    """Name -> the expression that it was given last, and its value; a layer for each block that is open."""

    def __init__(self) -> None:
        self._layers: list[Changes] = [{}]

    def held(self, name: str) -> Held | None:
        """Return what a name holds; None where nobody knows."""
        return next((layer[name] for layer in reversed(self._layers) if name in layer), None)

    def value(self, node: ast.expr) -> Any:
        """Return the value of an expression, or `UNKNOWN`."""
        return fold_constant(node, self.held)

    def assign(self, name: str, node: ast.expr) -> None:
        """Note what a name is given."""
        value = self.value(node)
        self._layers[-1][name] = None if value is UNKNOWN else (node, value)

    def change(self, statement: ast.AugAssign) -> None:
        """Note `BATCH *= 2`."""
        held = self.held(statement.target.id) if isinstance(statement.target, ast.Name) else None
        if held is None or not isinstance(statement.target, ast.Name):
            return
        value = arithmetic(statement.op, held[1], self.value(statement.value))
        self._layers[-1][statement.target.id] = None if value is UNKNOWN else (statement.target, value)

    def forget(self, names: Sequence[str]) -> None:
        """Note that names hold what only the running program knows: a loop's variable, a parameter, a call."""
        self._layers[-1].update(dict.fromkeys(names))

    @contextmanager
    def block(self) -> Iterator[Changes]:
        """Read a block; what it gives names is handed out, and forgotten at its end: so the body of a function."""
        changes: Changes = {}
        self._layers.append(changes)
        yield changes
        self._layers.pop()

    def join(self, blocks: Sequence[Changes], *, one_runs: bool) -> None:
        """Keep what no block contradicts; what one alone assigns is kept, as in `if __name__ == "__main__"`.

        Args:
            blocks: What each of them gives names.
            one_runs: Exactly one of them is run; else perhaps none is.
        """
        for name in dict.fromkeys(name for block in blocks for name in block):
            given = [block[name] for block in blocks if name in block]
            before = self.held(name)
            if before is not None and not (one_runs and len(given) == len(blocks)):
                given.append(before)
            self._layers[-1][name] = given[0] if all(_same(given[0], other) for other in given) else None


def _same(one: Held | None, other: Held | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(one[1] == other[1]) and type(one[1]) is type(other[1])


def has_branches(statement: ast.stmt) -> bool:
    """Say whether a statement holds blocks of which not all may run."""
    return isinstance(statement, _BRANCHES)


def names_of(target: ast.AST) -> list[str]:
    """Return the plain names in what a loop assigns to."""
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]


def parameters_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Return the names that a function is called with."""
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return [one.arg for one in (*named, *(other for other in (given.vararg, given.kwarg) if other is not None))]
