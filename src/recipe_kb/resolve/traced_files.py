"""What can be wrong with kb/memory: a file of no model, a step that cannot be read, traces of different versions."""

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import get_args

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.memory.stored import Cell, unpack
from recipe_kb.resolve.traced import UNREADABLE, read_step
from recipe_kb.schema.base import Attention, Method, Optimizer, Precision
from recipe_kb.store.store import Store
from recipe_kb.store.traced import traced_problem

_CELLS = {
    str(Cell(method=method, precision=precision, attention=attention, checkpointing=checkpointing))
    for method, precision, attention, checkpointing in product(
        get_args(Method), get_args(Precision), get_args(Attention), (False, True)
    )
}
_UPDATES = {f"{method}/{optimizer}" for method, optimizer in product(("full", "lora"), get_args(Optimizer))}


def traced_problems(store: Store) -> Iterator[Problem]:
    """Yield every problem of the traced steps.

    A model may lack a file, as a new one does until somebody traces it; its memory is then predicted from documented
    figures. That no model has one is a knowledge base that was copied without them.
    """
    models, first = set(store.model_ids()), None
    traced = store.memory_ids()
    if models and not traced:
        yield traced_problem(_("no model has traced steps"), store.shown("memory"))
    for model_id in traced:
        place = store.shown(store.memory_path(model_id))
        if model_id not in models:
            what = _("{name!r} is referred to but does not exist").format(name=model_id)
            yield Problem(code="KB106", what=what, where=place, next_command="kb check")
        try:
            record = store.memory(model_id)
        except BadInputError as error:
            yield from error.problems
            continue
        assert record is not None  # noqa: S101 - its file was listed
        first = first or record["versions"]
        if record["versions"] != first:
            what = _("was traced with {versions}, other files with {others}")
            yield traced_problem(what.format(versions=_words(record["versions"]), others=_words(first)), place)
        unknown = {*record["steps"], *record["not"]} - _CELLS - _UPDATES | {*record["updates"]} - _UPDATES
        if unknown:
            yield traced_problem(_("unknown key {name}").format(name=", ".join(sorted(unknown))), place)
        for section in ("steps", "updates"):
            for name, packed in record[section].items():
                if not _unpacks(packed):
                    yield from _faults(record[section], name, place)


@cache
def _unpacks(packed: str) -> bool:
    """Say whether text is a packed step; a thousand of them take seconds, and tests check them again and again."""
    try:
        unpack(packed)
    except UNREADABLE:
        return False
    return True


def _faults(packed: dict[str, str], name: str, place: str) -> Iterator[Problem]:
    try:
        read_step(packed, name, place)
    except BadInputError as error:
        yield from error.problems


def _words(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
