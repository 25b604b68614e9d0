"""A recipe named by its id on the command line, in any spelling of its GPU and model."""

from dataclasses import replace

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.resolve.answer import Answer, answer_key
from recipe_kb.schema.base import Parallel
from recipe_kb.schema.recipe import MAX_TASKS, RecipeKey
from recipe_kb.store.names import find_gpu, find_model
from recipe_kb.store.store import Store
from recipe_kb.text import nearest


def answer_id(store: Store, recipe_id: str, num_gpus: int = 1, parallel: Parallel | None = None) -> Answer:
    """Answer `t4/biobert/8t-512-full`; a cell without a file is derived.

    Args:
        store: The knowledge base.
        recipe_id: As typed.
        num_gpus: Cards that share the effective batch, where the id does not say it.
        parallel: How they share the work; None takes DDP, and FSDP where that needs too much.

    Raises:
        BadInputError: It is no recipe id; the nearest one is offered. Or it names another number of GPUs.
        FindingError: Nothing fits the cell.
    """
    key = key_of_id(store, recipe_id)
    if num_gpus != 1 and key.num_gpus not in {1, num_gpus}:
        what = _("{id} is a recipe for {count} GPUs; --num-gpus asks for {asked}.")
        what = what.format(id=recipe_id, count=key.num_gpus, asked=num_gpus)
        one = str(replace(key, num_gpus=1))
        raise BadInputError(Problem(code="KB207", what=what, next_command=f"kb validate {one} --num-gpus {num_gpus}"))
    return answer_key(store, key, num_gpus, parallel)


def key_of_id(store: Store, recipe_id: str) -> RecipeKey:
    """Return the cell that a typed id names, its GPU and model by their own ids.

    Raises:
        BadInputError: It is no recipe id; the nearest one is offered.
    """
    key = RecipeKey.parse(recipe_id.strip("/").removesuffix(".yaml").removeprefix("kb/recipes/"))
    if key is None or not 1 <= key.tasks[0] <= key.tasks[1] <= MAX_TASKS or key.max_length < 1:
        what = _(
            "{typed!r} is no recipe id; expected GPU/MODEL/TASKSt-LENGTH-METHOD, for example t4/biobert/8t-512-full."
        )
        what = what.format(typed=recipe_id)
        offered = nearest(recipe_id, store.recipe_files(), limit=1)
        if offered:
            what += " " + _("Did you mean {names}?").format(names=offered[0])
        raise BadInputError(Problem(code="KB208", what=what, next_command="kb list recipes"))
    return replace(key, gpu=find_gpu(store, key.gpu), model=find_model(store, key.model))
