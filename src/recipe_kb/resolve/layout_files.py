"""What can be wrong with kb/layouts: a file of no model, a layer that is no class, a layout of another network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.memory.layout import Layout, unpack_layout
from recipe_kb.resolve.traced import UNREADABLE
from recipe_kb.schema.base import Method
from recipe_kb.store.layouts import layout_problem
from recipe_kb.store.store import Store


def layout_problems(store: Store) -> Iterator[Problem]:
    """Yield every problem of the layouts.

    A model may lack a file, as a new one does until `make layouts`; several GPUs are then predicted from documented
    figures, and FSDP wraps what the network names itself.
    """
    models, first = set(store.model_ids()), None
    for model_id in store.layout_ids():
        relative = f"layouts/{model_id}.json"
        if model_id not in models:
            what = _("{name!r} is referred to but does not exist").format(name=model_id)
            yield Problem(code="KB106", what=what, where=store.shown(relative), next_command="kb check")
            continue
        try:
            record = store.layouts(model_id)
            num_layers = store.model(model_id).shape.num_layers
        except BadInputError as error:  # a model's own problems are reported with the models
            yield from (problem for problem in error.problems if problem.code == "KB122")
            continue
        assert record is not None  # noqa: S101 - its file was listed
        first = first or record["versions"]
        for name, what in _faults(record, num_layers, first):
            yield layout_problem(what, f"{store.shown(relative)}:{_line(store.root / relative, name)}")


def _faults(record: dict[str, Any], num_layers: int, versions: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (name of the entry, what is wrong with it)."""
    if record["versions"] != versions:
        yield (
            "versions",
            _("was made with {versions}, other files with {others}").format(
                versions=_words(record["versions"]), others=_words(versions)
            ),
        )
    if not record["layer"].isidentifier():
        yield "layer", _("{name!r} is no name of a class").format(name=record["layer"])
    for method, packed in record["layouts"].items():
        if method not in get_args(Method):
            yield method, _("unknown key {name}").format(name=method)
            continue
        try:
            layout: Layout = unpack_layout(packed)
        except UNREADABLE as error:
            why = f"{type(error).__name__}: {error}"
            yield method, _("{name} is not a packed layout: {why}").format(name=method, why=why)
            continue
        if layout.num_layers != num_layers:
            what = _("{method} has {count} layers, the model {expected}")
            yield method, what.format(method=method, count=layout.num_layers, expected=num_layers)


def _line(path: Path, name: str) -> int:
    """Return the line where an entry begins; each has one of its own, as the files are written."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, start=1) if line.lstrip().startswith(f'"{name}":')), 1)


def _words(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
