"""The recipe that a search ends in, and its file, written whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from recipe_kb.errors import CannotHereError, Problem
from recipe_kb.i18n import _
from recipe_kb.schema.base import Text
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.recipe import Provenance, Recipe, RecipeKey
from recipe_kb.tune.candidates import Shape
from recipe_kb.tune.start import Start

_WIDTH = 119


class _Flow(dict[str, Any]):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Writes recipes as the ones beside them are written."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Indent the items of a list."""
        super().increase_indent(flow, indentless=False)


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    """Write a number as people type it: 3.0e-5, where PyYAML writes 3.0e-05."""
    mantissa, marked, exponent = repr(value).partition("e")
    mantissa += "" if "." in mantissa or not marked else ".0"
    return dumper.represent_scalar("tag:yaml.org,2002:float", mantissa + (f"e{int(exponent)}" if marked else ""))


_Dumper.add_representer(float, _float)
_Dumper.add_representer(
    _Flow, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)
)


def tuned_recipe(start: Start, shape: Shape, evidence: str) -> Recipe:
    """Return the recipe of the fastest safe shape.

    Args:
        start: What the search started from.
        shape: The one that it ended in.
        evidence: Path of the probe's record inside the knowledge base.
    """
    recipe = start.tried(shape).recipe
    measured = ["per_device_train_batch_size", "gradient_accumulation_steps"]
    if start.precision is not None:
        measured.append("precision")
    provenance = recipe.provenance | dict.fromkeys(measured, Provenance(evidence=evidence))
    return replace(recipe, status="measured", provenance=provenance)


def recipe_text(key: RecipeKey, recipe: Recipe, gpu: Gpu) -> str:
    """Write a recipe as the text of its file."""
    low, high = key.tasks
    tasks = "1 task" if high == 1 else f"{low if low == high else f'{low}-{high}'} tasks"
    card = gpu.name.removeprefix("NVIDIA ")
    document: dict[str, Any] = {
        "origin": recipe.origin,
        "status": recipe.status,
        "task_mixing": recipe.task_mixing,
        "effective_batch_size": recipe.effective_batch_size,
        "settings": recipe.settings.given(),
        "provenance": {name: _flow(recipe.provenance[name]) for name in recipe.settings.given()},
    }
    for name in ("corrections", "assumptions"):
        if getattr(recipe, name):
            document[name] = [_plain(entry) for entry in getattr(recipe, name)]
    document["ladder"] = {
        name: [_Flow({"set": _Flow(rung.set), "why": rung.why}) for rung in getattr(recipe.ladder, name)]
        for name in ("out_of_memory", "slow")
    }
    if recipe.notes:
        document["notes"] = [_plain(note) for note in recipe.notes]
    written = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return f"# {card}, {key.model}, {tasks}, {key.max_length} tokens, the fastest safe batch by kb tune\n{written}"


def write_recipe(text: str, path: Path) -> None:
    """Put a file in its place at once, so that a reader never meets half of one.

    Raises:
        CannotHereError: It cannot be written (KB310); nothing is left behind then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)  # mkstemp keeps it to ourselves
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        what = _("The recipe could not be written: {reason}.").format(reason=error.strerror or error)
        problem = Problem(code="KB310", where=str(path), what=what, next_command=f"df -h {path.parent}")
        raise CannotHereError(problem) from error


def _flow(source: Provenance) -> Mapping[str, Any]:
    given = {name: _plain(value) for name, value in vars(source).items() if value is not None}
    return given if any(isinstance(value, dict) for value in given.values()) else _Flow(given)


def _plain(value: Any) -> Any:
    """Return a record as plain data, and what is none as it is."""
    if isinstance(value, Text):
        return {"en": value.en, "vi": value.vi}
    return _Flow({name: _plain(inner) for name, inner in vars(value).items()}) if hasattr(value, "__dict__") else value
