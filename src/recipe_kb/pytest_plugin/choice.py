"""Which recipes a run of pytest is about: those that were named, else those of the GPU in this machine."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import pytest

from recipe_kb.cli.group import Session
from recipe_kb.cli.machine import gpu_of_this_machine
from recipe_kb.cli.validate_choice import cells, chosen
from recipe_kb.errors import BadInputError, CannotHereError, KbError, Problem
from recipe_kb.i18n import _
from recipe_kb.pytest_plugin.session import kb_session
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.names import find_gpu
from recipe_kb.store.store import Store
from recipe_kb.text import nearest

_WILD = re.compile(r"[*?\[]")


def check_choice(globs: Sequence[str]) -> None:
    """Refuse a glob that no recipe matches, with the nearest.

    Raises:
        pytest.UsageError: One or more choose nothing.
    """
    with kb_session() as session:
        _matching(session, globs)


def recipe_ids(config: pytest.Config, globs: Sequence[str]) -> list[str] | str:
    """Return the ids of the recipes to train, or why there is none and what to do about it."""
    with kb_session() as session:
        if globs:
            return _matching(session, globs)
        try:
            return _of_the_gpu(session.store, config.getoption("kb_as_gpu"))
        except CannotHereError as error:
            return "; ".join(map(str, error.problems))
        except KbError as error:
            raise pytest.UsageError(str(error)) from error


def _matching(session: Session, globs: Sequence[str]) -> list[str]:
    """Return the ids that the globs match, each once, in the order of the globs."""
    found: dict[str, None] = {}
    problems: list[Problem] = []
    for glob in globs:
        try:
            found |= dict.fromkeys(_matching_one(session, glob))
        except KbError as error:
            problems += error.problems
    if problems:
        raise pytest.UsageError("\n".join(map(str, problems)))
    return list(found)


def _matching_one(session: Session, glob: str) -> list[str]:
    """Return what one glob matches, refuted recipes left out and derived cells that have evidence last.

    A plain id may be a cell that has neither a file nor evidence.

    Raises:
        KbError: Nothing is left, or the id names no cell that `kb recipe` answers.
    """
    if not _WILD.search(glob):
        return [_named(session, glob)]
    known = list(map(str, cells(session.store, None)))
    matching = [recipe_id for recipe_id in known if fnmatchcase(recipe_id, glob)]
    if not matching:
        what = _("No recipe matches {glob!r}.").format(glob=glob)
        offered = _nearest_globs(glob, known)
        if offered:
            what += " " + _("Did you mean {names}?").format(names=_(" or ").join(offered))
        raise BadInputError(Problem(code="KB230", what=what, next_command="kb list recipes"))
    return [recipe_id for recipe_id in matching if _works(session.store, recipe_id)] or [_named(session, matching[0])]


def _named(session: Session, recipe_id: str) -> str:
    """Return the id of a recipe by its own spelling; raises as `kb validate` does, for a refuted one too."""
    (answer,) = chosen(session, [recipe_id], everything=False, gpu=None, as_gpu=None, touched_by=None)
    return answer.recipe_id


def _nearest_globs(glob: str, known: Sequence[str]) -> list[str]:
    """Mend the part before the first wildcard: `t44/*` is nearest to `t4/*`."""
    typed = _WILD.split(glob)[0].rstrip("/")
    depth = typed.count("/") + 1
    starts = {"/".join(recipe_id.split("/")[:depth]) for recipe_id in known}
    return [f"{start}/*" for start in nearest(typed, sorted(starts))]


def _of_the_gpu(store: Store, as_gpu: str | None) -> list[str]:
    """Return the recipes of the card that is played, or of the one in this machine.

    Raises:
        BadInputError: The card that is to be played is unknown.
        CannotHereError: There is no GPU, or no recipe for it.
    """
    gpu = find_gpu(store, as_gpu) if as_gpu else gpu_of_this_machine(store)
    found = [recipe_id for recipe_id in map(str, cells(store, gpu)) if _works(store, recipe_id)]
    if not found:
        what = _("The knowledge base has no recipe file for {gpu}. Name a cell, as in --kb-recipes {example}.")
        what = what.format(gpu=gpu, example=f"{gpu}/biobert/8t-512-full")
        raise CannotHereError(Problem(code="KB330", what=what, next_command="kb list recipes"))
    return found


def _works(store: Store, recipe_id: str) -> bool:
    key = RecipeKey.parse(recipe_id)
    return key is not None and (not store.has_recipe(key) or store.recipe(key).refuted is None)
