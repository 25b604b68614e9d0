"""Pieces of Python's syntax tree: names that are assigned to, constants, arithmetic on numbers."""

import ast
from collections.abc import Callable
from typing import Any

UNKNOWN = object()
"""The value of what only the running program knows."""
Held = tuple[ast.expr, Any]
"""The expression that a name was given, and its value."""
_LARGEST = 1e15


def fold_constant(node: ast.expr, held: Callable[[str], Held | None], depth: int = 0) -> Any:
    """Return the value of a literal, of a constant above, or of arithmetic on them; else `UNKNOWN`."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str | int | float | bool | type(None)) else UNKNOWN
    if isinstance(node, ast.Name):
        known = held(node.id)
        return known[1] if known is not None else UNKNOWN
    if depth > 20:  # noqa: PLR2004 - nobody nests arithmetic deeper
        return UNKNOWN
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner = fold_constant(node.operand, held, depth + 1)
        if not is_number(inner):
            return UNKNOWN
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp):
        return arithmetic(
            node.op, fold_constant(node.left, held, depth + 1), fold_constant(node.right, held, depth + 1)
        )
    return UNKNOWN


def arithmetic(operator: ast.operator, left: Any, right: Any) -> Any:
    """Work out a sum, product, quotient or small power of two numbers; `UNKNOWN` for all else."""
    if not (is_number(left) and is_number(right)) or abs(left) > _LARGEST or abs(right) > _LARGEST:
        return UNKNOWN
    try:
        return _rounded(_worked_out(operator, left, right))
    except ArithmeticError:
        return UNKNOWN


def _worked_out(operator: ast.operator, left: Any, right: Any) -> Any:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return left / right
        case ast.FloorDiv():
            return left // right
        case ast.Mod():
            return left % right
        case ast.Pow() if abs(right) <= 64 and abs(left) <= 1024:  # noqa: PLR2004 - 1e-5 and 2**20, not a bomb
            return left**right
    return UNKNOWN


def _rounded(value: Any) -> Any:
    """Write 6e-05 and not 6.000000000000001e-05; the root of a negative number is no number here."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    return value if is_number(value) else UNKNOWN


def is_number(value: Any) -> bool:
    """Say whether a value is a number of ordinary size."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300  # noqa: PLR2004


def target_name(target: ast.expr) -> str | None:
    """Name what is assigned to: a variable, `CONFIG["batch_size"]`, `args.lr`."""
    names: list[str] = []
    node = target
    while len(names) < 20:  # noqa: PLR2004 - nobody writes longer ones
        if isinstance(node, ast.Name):
            names.append(node.id)
            return ".".join(reversed(names))
        if isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        elif (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
        ):
            names.append(node.slice.value)
            node = node.value
        elif isinstance(node, (ast.Subscript, ast.Call)):
            node = node.value if isinstance(node, ast.Subscript) else node.func
        else:
            return None
    return None


def called_field(value: ast.expr) -> ast.expr:
    """Return the default of a dataclass field: `field(default=8)`, `Field(8)`."""
    if isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] in {"field", "Field"}:
        for keyword in value.keywords:
            if keyword.arg == "default":
                return keyword.value
        if value.args:
            return value.args[0]
    return value


def dotted(node: ast.expr) -> str:
    """Return what is called, `torch.optim.AdamW`; empty if it has no name."""
    return target_name(node) or ""


def looks_like_model(function: ast.expr) -> bool:
    """Say whether `from_pretrained` belongs to a class of models: `AutoModelForCausalLM`."""
    owner = dotted(function).split(".")[0]
    return "Model" in owner or "For" in owner


def column_of(line: str, offset: int) -> int:
    """Turn an offset in UTF-8 bytes into a column."""
    return offset if line.isascii() else len(line.encode()[:offset].decode(errors="ignore"))
