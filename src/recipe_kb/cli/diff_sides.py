"""What `kb diff` compares: recipe ids, files, and places in files, each made a side."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from recipe_kb.cli.group import Session
from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.errors import BadInputError, FindingError, Problem
from recipe_kb.i18n import _
from recipe_kb.resolve.answer import Answer, ask
from recipe_kb.resolve.side import Side, side_of
from recipe_kb.schema.configuration import Configuration
from recipe_kb.schema.recipe import MAX_TASKS, RecipeKey
from recipe_kb.store.names import find_model

_PLACE = re.compile(r"(?P<file>.+?)(?::(?P<line>\d+))?")
_CELL = ("gpu", "model", "tasks", "max_length", "method")
_ORDER = ("before", "after")
_CAN_BE: dict[str, Callable[[Any], bool]] = {
    "tasks": lambda value: isinstance(value, int) and 1 <= value <= MAX_TASKS,
    "max_length": lambda value: isinstance(value, int) and value > 0,
    "method": lambda value: value in {"full", "lora", "qlora"},
}
"""Settings that belong to the cell -> whether a value of one is possible."""
_PROGRAMS = ("python", "notebook", "shell")
"""Kinds in which single settings stand about, apart from the configuration."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What an argument names: an answer, or a configuration of a file."""

    name: str
    answer: Answer | None = None
    configuration: Configuration | None = None


def sides_of(session: Session, a: str, b: str | None, cell: Mapping[str, Any]) -> tuple[Side, Side]:
    """Find both sides; what one does not say of its card and model, it has from the options or from the other.

    Raises:
        BadInputError: An argument names nothing, or more than one configuration.
    """
    if b is None or (a == b and _is_place(a)):
        found = _pair(session, a)
    else:
        found = (_one(session, a, "before"), _one(session, b, "after"))
    given = {name: value for name, value in cell.items() if value is not None}
    cells = [given | _cell_of(session, one) for one in found]
    first, second = (
        _side(session, one, other | own) for one, own, other in zip(found, cells, reversed(cells), strict=True)
    )
    return first, second


def _is_place(typed: str) -> bool:
    return _recipe_key(typed) is None


def _recipe_key(typed: str) -> RecipeKey | None:
    return RecipeKey.parse(typed.strip("/").removesuffix(".yaml").removeprefix("kb/recipes/"))


def _one(session: Session, typed: str, wanted: str) -> _Found:
    """Return what an argument names; of a before and an after, the one that is wanted."""
    if _recipe_key(typed) is not None:
        return _Found(name=typed, answer=answer_id(session.store, typed))
    file, candidates = _candidates(session, typed)
    labels = [one.label for one in candidates]
    if len(candidates) == 1:
        return _named(file, candidates[0])
    if len(candidates) == len(_ORDER) and sorted(labels) == sorted(_ORDER):
        return _named(file, candidates[labels.index(wanted)])
    raise BadInputError(_several(typed, file, candidates))


def _pair(session: Session, typed: str) -> tuple[_Found, _Found]:
    """Return the before and the after of one place."""
    if _recipe_key(typed) is not None:
        what = _("Name two configurations to compare; {typed} is a recipe, and one alone.").format(typed=typed)
        raise BadInputError(Problem(code="KB454", what=what, next_command="kb diff --help"))
    file, candidates = _candidates(session, typed)
    if len(candidates) != len(_ORDER):
        raise BadInputError(_several(typed, file, candidates))
    first, second = sorted(candidates, key=lambda one: _ORDER.index(one.label) if one.label in _ORDER else 0)
    return _named(file, first), _named(file, second)


def _candidates(session: Session, typed: str) -> tuple[str, Sequence[Configuration]]:
    """Return the file and its configurations at a place; the smallest that hold the line.

    Raises:
        BadInputError: There is no such file, nothing in it, or nothing at the line.
    """
    from recipe_kb.extract.read import configurations_in

    match = _PLACE.fullmatch(typed)
    file, line = (match["file"], match["line"]) if match and not Path(typed).exists() else (typed, None)
    if not Path(file).is_file():
        what = _("{typed!r} is neither a recipe id nor a file.").format(typed=typed)
        raise BadInputError(Problem(code="KB453", what=what, next_command="kb list recipes"))
    extracted = configurations_in(Path(file), file, session.store)
    for warning in extracted.warnings:
        click.echo(str(warning), err=True)
    found = extracted.configurations
    if not found:
        what = _("No configuration was found here.")
        raise BadInputError(Problem(code="KB455", what=what, where=file, next_command=f"kb extract {file}"))
    if line is None:
        return file, _main(found)
    number = int(line)
    at = [one for one in found if one.lines[0] <= number <= one.lines[1]]
    if not at:
        near = min(found, key=lambda one: min(abs(one.lines[0] - number), abs(one.lines[1] - number)))
        what = _("No configuration contains this line; the nearest is at line {line}.").format(line=near.lines[0])
        nearest = f"{file}:{near.lines[0]}"
        raise BadInputError(Problem(code="KB455", what=what, where=typed, next_command=f"kb diff {nearest} ..."))
    return file, at


def _main(found: Sequence[Configuration]) -> Sequence[Configuration]:
    """Of a program, the configuration that holds more than all others together; else all."""
    largest = max(found, key=lambda one: len(one.settings))
    total = sum(len(one.settings) for one in found)
    if largest.kind in _PROGRAMS and 2 * len(largest.settings) > total:
        return [largest]
    return found


def _named(file: str, configuration: Configuration) -> _Found:
    name = f"{file}:{configuration.lines[0]}"
    if configuration.label in _ORDER:
        name += f" ({configuration.label})"
    return _Found(name=name, configuration=configuration)


def _several(typed: str, file: str, candidates: Sequence[Configuration]) -> Problem:
    """Say which places there are."""
    places = ", ".join(f"{file}:{one.lines[0]} ({one.label})" for one in candidates)
    what = _("There are {count} configurations here, and one is compared: {places}.")
    what = what.format(count=len(candidates), places=places)
    if len(candidates) == 1:
        what = _("There is one configuration here; name the other as well.")
    return Problem(code="KB454", what=what, where=typed, next_command=f"kb extract {file}")


def _cell_of(session: Session, found: _Found) -> dict[str, Any]:
    """Return what a side says of its cell; the text around a configuration counts less than the configuration."""
    if found.answer is not None:
        key = found.answer.key
        return {name: getattr(key, name) for name in _CELL if name != "tasks"} | {"tasks": key.tasks[1]}
    assert found.configuration is not None  # noqa: S101 - one of the two
    context = {name: getattr(found.configuration.context, name) for name in _CELL}
    return {name: value for name, value in context.items() if value is not None} | _own_cell(session, found)


def _own_cell(session: Session, found: _Found) -> dict[str, Any]:
    """Return what the settings of a configuration say of its cell."""
    assert found.configuration is not None  # noqa: S101
    values = {written.name: written.value for written in found.configuration.settings}
    own = {name: values[name] for name, can_be in _CAN_BE.items() if name in values and can_be(values[name])}
    try:
        return own | {"model": find_model(session.store, str(values["model_name_or_path"]))}
    except (KeyError, BadInputError):
        return own  # a folder, or a model that is not known, stays a setting like any other


def _side(session: Session, found: _Found, cell: dict[str, Any]) -> Side:
    if found.answer is not None:
        return side_of(found.answer)
    assert found.configuration is not None  # noqa: S101
    own = _own_cell(session, found)
    within = own.keys() | ({"model_name_or_path"} if "model" in own else set())
    settings = {one.name: one.value for one in found.configuration.settings if one.name not in within}
    if settings.get("warmup_steps") == 0:  # below 1 it is a share of the steps
        settings["warmup_ratio"] = float(settings.pop("warmup_steps"))
    said = {name: value for name, value in _cell_of(session, found).items() if name in own.keys() | {"gpu", "model"}}
    return Side(name=found.name, cell=said, settings=settings, base=_base(session, cell))


def _base(session: Session, cell: dict[str, Any]) -> Answer | None:
    """Return the recipe of a cell; None where card or model is not known, or nothing fits."""
    if cell.get("gpu") is None or cell.get("model") is None:
        return None
    limit = session.store.model(find_model(session.store, cell["model"])).max_length
    if "max_length" in cell:
        cell = cell | {"max_length": min(cell["max_length"], limit)}
    try:
        return ask(session.store, **({"tasks": 1} | cell))
    except FindingError:
        return None
