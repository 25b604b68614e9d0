"""Python by its syntax tree: dicts, subscripts, variables, calls. Nothing is imported or run.

Constants are followed (`lr=LR` where `LR = 2e-5` stands above), and arithmetic on numbers is worked out.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

from recipe_kb.extract.constants import Constants, has_branches, names_of, parameters_of
from recipe_kb.extract.found import MAX_VALUES, Entry, NotThisKindError, Parsed, comment_lines, too_many
from recipe_kb.extract.python_places import Places
from recipe_kb.extract.python_tree import fragment
from recipe_kb.extract.syntax import UNKNOWN, called_field, dotted, looks_like_model, target_name
from recipe_kb.i18n import _

MAX_DEPTH = 60
MAX_NODES = 200_000
_EVALUATION = re.compile(r"(?:^|_)(?:eval|val|valid|validation|test|dev)(?:_|$|loader|dataloader)", re.IGNORECASE)


def read(text: str) -> Parsed:
    """Return every assignment, argument and item of a dict.

    Raises:
        NotThisKindError: It is no Python, or too deep.
    """
    lines = text.split("\n")
    tree, before = fragment(text)
    reader = _Reader([*before, *lines])
    reader.statements(tree.body, "")
    entries = [entry for entry in reader.entries if not (entry.holder is None and entry.written in reader.used)]
    for entry in entries:
        for one in (entry, *entry.items):
            one.line -= len(before)
    return Parsed(entries=sorted(entries, key=lambda entry: entry.line), comments=comment_lines(lines))


class _Reader:
    """Walks over statements in their order, so that a constant is known before it is used."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.places = Places(lines)
        self.entries: list[Entry] = []
        self.constants = Constants()
        self.used: set[str] = set()
        self.visited = 0

    def statements(self, body: Sequence[ast.stmt], inside: str, depth: int = 0) -> None:
        """Read a block.

        Args:
            body: Its statements.
            inside: The class or function that it belongs to.
            depth: How many blocks are around it.
        """
        if depth > MAX_DEPTH:
            raise NotThisKindError(_("is nested too deeply"), body[0].lineno if body else None, fatal=True)
        for statement in body:
            self._statement(statement, inside)
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                with self.constants.block():
                    self.constants.forget(parameters_of(statement))
                    self.statements(statement.body, inside, depth + 1)
            elif has_branches(statement):
                self._branches(statement, inside, depth)
            elif isinstance(getattr(statement, "body", None), list):
                own = statement.name if isinstance(statement, ast.ClassDef) else inside
                self.statements(statement.body, own, depth + 1)  # type: ignore[attr-defined]

    def _branches(self, statement: Any, inside: str, depth: int) -> None:
        """Read blocks of which perhaps one runs; what is known afterwards is what they agree on."""
        if isinstance(statement, (ast.For, ast.AsyncFor)):
            self.constants.forget(names_of(statement.target))
        blocks = [getattr(statement, name, None) for name in ("body", "orelse")]
        blocks += [inner.body for inner in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ()))]
        changes = []
        for block in filter(None, blocks):
            with self.constants.block() as changed:
                self.statements(block, inside, depth + 1)
            changes.append(changed)
        self.constants.join(changes, one_runs=isinstance(statement, ast.If) and bool(statement.orelse))
        self.statements(getattr(statement, "finalbody", ()), inside, depth + 1)

    def _statement(self, statement: ast.stmt, inside: str) -> None:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                self._assign(target, statement.value, inside)
        elif isinstance(statement, ast.AugAssign):
            self.constants.change(statement)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._assign(statement.target, statement.value, inside)
        elif isinstance(statement, (ast.Expr, ast.Return)) and statement.value is not None:
            self._calls(statement.value, "")
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            for item in statement.items:
                self._calls(item.context_expr, "")
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for decorator in statement.decorator_list:
                self._calls(decorator, "")

    def _assign(self, target: ast.expr, value: ast.expr, inside: str) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for one, other in zip(target.elts, value.elts, strict=True):
                    self._assign(one, other, inside)
            else:
                self._calls(value, "")
            return
        name = target_name(target)
        value = called_field(value)
        if isinstance(value, (ast.Dict, ast.Call)):
            self.constants.forget(names_of(target))
            self._calls(value, name or "")
            if name and isinstance(value, ast.Call) and not value.keywords:
                self._add(name, name.rpartition(".")[2], value, self._holder(target, inside), force_computed=True)
            return
        if name is None:
            return
        if isinstance(value, ast.Tuple) and len(value.elts) == 1:
            value = value.elts[0]  # an argument that was cut out of its call with the comma behind it
        known = self.constants.value(value)
        if isinstance(target, ast.Name):
            self.constants.assign(target.id, value)
        self._calls(value, name)
        if not isinstance(value, ast.IfExp) or known is not UNKNOWN:
            self._add(name, name.rpartition(".")[2], value, self._holder(target, inside))
        else:
            self._add(name, name.rpartition(".")[2], value, self._holder(target, inside), force_computed=True)

    def _holder(self, target: ast.expr, inside: str) -> Any:
        """Plain variables and items of a dict stand alone; the fields of a class belong together."""
        return f"class {inside}" if inside and isinstance(target, ast.Name) and inside[:1].isupper() else None

    def _calls(self, root: ast.expr, target: str) -> None:
        """Read the dicts and calls inside an expression, the outer ones first."""
        todo: list[tuple[ast.AST, str, Any]] = [(root, target, None)]
        while todo:
            node, name, holder = todo.pop(0) if len(todo) < 50 else todo.pop()  # noqa: PLR2004 - order matters little there
            self.visited += 1
            if self.visited > MAX_NODES:
                raise too_many(getattr(node, "lineno", None))
            if isinstance(node, ast.Dict):
                todo += self._dict(node, name, holder)
            elif isinstance(node, ast.Call):
                todo += self._call(node, name, holder)
            elif not isinstance(node, (ast.Constant, ast.Name)):
                todo += [(child, name, None) for child in ast.iter_child_nodes(node)]

    def _dict(self, node: ast.Dict, path: str, holder: Any) -> Iterator[tuple[ast.AST, str, Any]]:
        own = holder or ("dict", node.lineno, node.col_offset)
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                name = f"{path}.{key.value}" if path else key.value
                if isinstance(value, (ast.Dict, ast.Call)):
                    yield value, name, own if isinstance(value, ast.Dict) else None
                    if isinstance(value, ast.Call):
                        self._add(name, key.value, value, own, force_computed=True)
                else:
                    self._add(name, key.value, value, own)
            else:
                yield value, path, None

    def _call(self, node: ast.Call, target: str, holder: Any) -> Iterator[tuple[ast.AST, str, Any]]:
        function = dotted(node.func).rpartition(".")[2] or "call"
        own = holder or (function, node.lineno, node.col_offset)
        if function in {"add_argument", "option"}:
            self._argument(node)
            return
        if function == "gradient_checkpointing_enable":
            place = node.func.end_lineno or node.lineno
            self.entries.append(Entry(path=function, written=function, text="true", line=place))
        path = "eval" if _EVALUATION.search(target) and function.endswith("DataLoader") else function
        for keyword in node.keywords:
            if keyword.arg is None:
                yield keyword.value, target, None
                continue
            name = f"{path}.{keyword.arg}"
            if isinstance(keyword.value, (ast.Dict, ast.Call)):
                yield keyword.value, name, own if isinstance(keyword.value, ast.Dict) else None
                if isinstance(keyword.value, ast.Call):
                    self._add(name, keyword.arg, keyword.value, own, force_computed=True)
            else:
                self._add(name, keyword.arg, keyword.value, own)
        for argument in node.args:
            yield argument, target, None
        if function == "from_pretrained" and node.args and target:
            known = self.constants.value(node.args[0])
            if isinstance(known, str) and looks_like_model(node.func):
                self._add("model_name_or_path", "from_pretrained", node.args[0], own)

    def _argument(self, node: ast.Call) -> None:
        """Read the default of a command-line argument that a script declares."""
        names = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        flag = next((name for name in names if name.startswith("--")), names[0] if names else None)
        for keyword in node.keywords:
            if flag and keyword.arg == "default":
                name = flag.lstrip("-")
                self._add(name, name, keyword.value, None)

    def _add(self, path: str, written: str, value: ast.expr, holder: Any, *, force_computed: bool = False) -> None:
        node, known = value, self.constants.value(value)
        held = self.constants.held(value.id) if isinstance(value, ast.Name) else None
        if isinstance(value, ast.Name) and held is not None:
            self.used.add(value.id)
            node, known = held
        entry = Entry(path=path, written=written, text="", line=node.lineno, holder=holder)
        if isinstance(value, (ast.List, ast.Tuple, ast.Set)) and not force_computed:
            entry.items = self._items(path, written, value, holder)
            entry.text = ", ".join(item.text for item in entry.items)
        elif known is UNKNOWN or force_computed:
            entry.text, entry.computed = self.places.source(value), True
        else:
            entry.text = str(known)
            self.places.locate(entry, node)
        entry.comment = self.places.behind(value if node is value else node)
        self.entries.append(entry)
        if len(self.entries) > MAX_VALUES:
            raise too_many(entry.line)

    def _items(self, path: str, written: str, value: Any, holder: Any) -> list[Entry]:
        items = []
        for index, element in enumerate(value.elts[:100]):
            known = self.constants.value(element)
            item = Entry(path=f"{path}.{index}", written=written, text=str(known), line=element.lineno, holder=holder)
            if known is UNKNOWN:
                item.text, item.computed = self.places.source(element), True
            else:
                self.places.locate(item, element)
            items.append(item)
        return items
