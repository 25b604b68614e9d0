"""What `kb tune --record` keeps: the evidence of the fastest safe batch, and the recipe that refers to it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recipe_kb.errors import CannotHereError, FindingError, KbError, Problem
from recipe_kb.i18n import _
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.location import evidence_root
from recipe_kb.store.store import Store

if TYPE_CHECKING:
    from recipe_kb.tune.tuned import Tuned


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The two files that were written."""

    recipe: Path
    evidence: Path


def in_the_way(store: Store, key: RecipeKey) -> list[Problem]:
    """Return what keeps a cell from getting a tuned recipe: one that was not tuned."""
    found = store.recipe_for_tasks(key)
    if found is None or store.recipe(found).origin == "tuned":
        return []
    what = _("{id} has a recipe already, of origin {origin}; only a tuned one is replaced.")
    what = what.format(id=found, origin=store.recipe(found).origin)
    return [Problem(code="KB240", what=what, next_command=f"kb show {found}")]


def record_tuned(store: Store, tuned: "Tuned") -> tuple[Recorded | None, KbError | None]:
    """Write evidence and recipe of the fastest safe batch.

    Args:
        store: Where the recipes are.
        tuned: Of a card that is in this machine.

    Returns:
        The files, or why there is no recipe: an error to raise once the result is printed, which is not lost with it.
    """
    from recipe_kb.probe.record import record
    from recipe_kb.tune.recipe_file import recipe_text, tuned_recipe, write_recipe

    best = tuned.search.best if tuned.search else None
    evidence = best.measurement.evidence if best else None
    if best is None or evidence is None:
        what = _("Nothing is recorded: no batch that was measured is safe.")
        return None, FindingError(Problem(code="KB241", what=what, next_command="kb doctor"))
    root, answer = evidence_root(store.root), tuned.start.answer
    assert answer.gpu is not None  # noqa: S101 - it is in this machine
    try:
        path = record(evidence, root)
        if evidence.verdict != "passed" or "memory" not in evidence.confirmed:
            what = _(
                "No recipe is recorded: its probe does not confirm memory (verdict {verdict}). The evidence is kept."
            )
            what = what.format(verdict=evidence.verdict)
            following = f"kb validate {answer.recipe_id}"
            return None, FindingError(Problem(code="KB241", where=str(path), what=what, next_command=following))
        recipe = tuned_recipe(tuned.start, best.shape, path.relative_to(root).as_posix())
        key = RecipeKey.parse(answer.recipe_id) or answer.key
        target = root / store.recipe_path(key)
        write_recipe(recipe_text(key, recipe, answer.gpu), target)
    except CannotHereError as error:
        return None, error
    return Recorded(recipe=target, evidence=path), None
