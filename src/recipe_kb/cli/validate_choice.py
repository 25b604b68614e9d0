"""Which recipes `kb validate` trains: named ones, all, those of one GPU, those that a change touches."""

from collections.abc import Sequence

from recipe_kb.cli.group import Session
from recipe_kb.cli.machine import gpu_of_this_machine
from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.errors import BadInputError, FindingError, Problem
from recipe_kb.i18n import _
from recipe_kb.resolve.answer import Answer
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.names import find_gpu
from recipe_kb.store.store import Store


def chosen(
    session: Session,
    recipe_ids: Sequence[str],
    *,
    everything: bool,
    gpu: str | None,
    as_gpu: str | None,
    touched_by: str | None,
    num_gpus: int = 1,
) -> list[Answer]:
    """Return what to train; nothing is trained before every id is understood.

    Args:
        session: Gives the knowledge base.
        recipe_ids: As typed.
        everything: All recipes that are not refuted, and derived cells that have evidence, instead.
        gpu: Of these, only those of one GPU; `auto` is the one in this machine.
        as_gpu: The card that is played: with all, only its recipes; a named recipe of another card is refused.
        touched_by: Of these, only those that the changes since a git revision can affect.
        num_gpus: Cards that share the effective batch of each; recipes of more than one card keep their own count.

    Raises:
        BadInputError: Neither or both of ids and all, an unknown name, a recipe of another card than the one played.
        CannotHereError: `auto`, and there is no GPU.
        FindingError: A named recipe is refuted.
    """
    store = session.store
    if bool(recipe_ids) == everything:
        what = _("Name recipes, or --all.")
        raise BadInputError(Problem(code="KB207", what=what, next_command="kb list recipes"))
    if recipe_ids and (gpu or touched_by):
        what = _("--gpu and --touched-by choose among all recipes; they go with --all.")
        raise BadInputError(Problem(code="KB207", what=what, next_command="kb validate --all --gpu auto"))
    played = find_gpu(store, as_gpu) if as_gpu else None
    if recipe_ids:
        answers = [answer_id(store, recipe_id, num_gpus) for recipe_id in recipe_ids]
        _refuse(answers, played)
        return answers
    card = played or (gpu_of_this_machine(store) if gpu == "auto" else find_gpu(store, gpu) if gpu else None)
    keys = cells(store, card)
    if touched_by:
        from recipe_kb.regress.touched import changed_since, touched

        affected = touched(store, changed_since(store.root, touched_by))
        keys = [key for key in keys if str(key) in affected]
    asked = ((str(key), num_gpus if key.num_gpus == 1 else key.num_gpus) for key in keys)
    return [answer for answer in (answer_id(store, *one) for one in asked) if not answer.recipe.refuted]


def cells(store: Store, card: str | None) -> list[RecipeKey]:
    """Return the recipes of a card, or of all, and after them the derived cells that were probed before."""
    keys = store.recipe_keys(card or "*")
    root = store.root / "evidence"
    probed = {path.parent.relative_to(root).as_posix() for path in root.glob(f"{card or '*'}/*/*/*.json")}
    derived = (RecipeKey.parse(recipe_id) for recipe_id in sorted(probed - set(map(str, keys))))
    return keys + [key for key in derived if key is not None]


def _refuse(answers: Sequence[Answer], played: str | None) -> None:
    for answer in answers:
        if answer.recipe.refuted:
            what = _("{id} is refuted; {instead} works instead.")
            what = what.format(id=answer.recipe_id, instead=answer.recipe.refuted.instead[0])
            raise FindingError(Problem(code="KB211", what=what, next_command=f"kb show {answer.recipe_id}"))
        if played and answer.key.gpu != played:
            what = _("{id} is a recipe for {gpu}; it cannot be tried as {played}.")
            what = what.format(id=answer.recipe_id, gpu=answer.key.gpu, played=played)
            command = f"kb validate {answer.recipe_id} --as-gpu {answer.key.gpu}"
            raise BadInputError(Problem(code="KB218", what=what, next_command=command))
