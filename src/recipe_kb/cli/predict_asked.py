"""From the options of `kb predict` to what is asked: a recipe, and what is changed in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from recipe_kb.cli.group import Session
from recipe_kb.cli.predict_limits import refused, too_long
from recipe_kb.cli.recipe import gpu_named
from recipe_kb.cli.recipe_id import key_of_id
from recipe_kb.errors import BadInputError, FindingError, Problem
from recipe_kb.i18n import _
from recipe_kb.memory.parallel import is_sharded
from recipe_kb.resolve.answer import DEFAULT_LENGTH, Answer, answer_key, command_for
from recipe_kb.resolve.rules import precision
from recipe_kb.schema.base import Parallel
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.recipe import RecipeKey, Settings
from recipe_kb.store.names import BARE_MEMORY, find_gpu, find_model
from recipe_kb.store.store import Store
from recipe_kb.tracing.question import Asked, Padding

_IN_THE_ID = ("model", "tasks", "method", "goal")
"""Options that a recipe's id says already."""
_CHANGES = {
    "batch": "per_device_train_batch_size",
    "evaluation_batch": "per_device_eval_batch_size",
    "accumulation": "gradient_accumulation_steps",
    "precision": "precision",
    "tf32": "tf32",
    "optim": "optim",
    "attention": "attn_implementation",
    "gradient_checkpointing": "gradient_checkpointing",
    "lora_r": "lora_r",
}
"""Option -> the setting that it changes."""
_ROOMY = "vram-9999gb"
"""A card on which everything fits, to hear what the rules say apart from memory."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was typed, understood.

    Attributes:
        recipe_id: The recipe that it starts from, or the cell of one that is derived.
        answer: What `kb recipe` says of it.
        asked: What is predicted.
        changes: Setting, card or length to its value in the recipe and the value asked for.
        nothing_fits: `kb recipe` finds nothing that fits here, so the settings are those of its rules, for one row.
    """

    recipe_id: str
    answer: Answer
    asked: Asked
    changes: Mapping[str, tuple[Any, Any]]
    nothing_fits: bool


def wish_of(session: Session, options: Mapping[str, Any]) -> Wish:
    """Understand the options; those that were not given are None.

    Raises:
        BadInputError: They contradict each other, or the GPU or the network lacks something; all is said at once.
        CannotHereError: `--gpu auto`, and no GPU that is known is here.
    """
    cell = _cell(session, options)
    answer, nothing_fits = _answer(session.store, cell, options["parallel"])
    key = _changed_key(session, cell, answer, options)
    gpu = None if BARE_MEMORY.fullmatch(key.gpu) else session.store.gpu(key.gpu)
    before = _for_one_row(answer, gpu) if nothing_fits else answer.recipe.settings
    wanted = {name: options[option] for option, name in _CHANGES.items() if options[option] is not None}
    if options["evaluation_batch"] == 0:
        del wanted["per_device_eval_batch_size"]
    settings = replace(before, **wanted)
    mixing = options["mixing"] or answer.recipe.task_mixing
    problems = refused(key, gpu, answer.model, settings, options)
    if problems:
        raise BadInputError(*problems)
    asked = Asked(
        key=key,
        gpu=gpu,
        model=answer.model,
        settings=settings,
        mixing=mixing,
        loop=options["loop"],
        padding=_padding(options),
        evaluation_rows=0 if options["evaluation_batch"] == 0 else settings.per_device_eval_batch_size,
        evaluation_samples=options["evaluation_samples"] or 0,
        traces=options["trace"],
        parallel=_parallel(key, settings, answer, nothing_fits, options),
    )
    changes = _differences(cell, key, ("gpu", "max_length")) | _differences(before, settings, wanted)
    if mixing != answer.recipe.task_mixing:
        changes["task_mixing"] = (answer.recipe.task_mixing, mixing)
    recipe_id = str(cell) if nothing_fits else answer.recipe_id
    return Wish(recipe_id=recipe_id, answer=answer, asked=asked, changes=changes, nothing_fits=nothing_fits)


def _cell(session: Session, options: Mapping[str, Any]) -> RecipeKey:
    """Return the cell whose recipe is asked about."""
    store = session.store
    if options["recipe_id"] is not None:
        key = key_of_id(store, options["recipe_id"])
        if options["num_gpus"] is not None:
            key = replace(key, num_gpus=options["num_gpus"])
        said = [f"--{name}" for name in _IN_THE_ID if options[name] is not None]
        if said:
            what = _("A recipe id says {names} already; leave it out, or leave the id out.")
            what = what.format(names=", ".join(said))
            raise BadInputError(Problem(code="KB207", what=what, next_command=_without_id(session, key, options)))
        return key
    if options["model"] is None and not _names_card(options):
        what = _("Name a recipe by its id, or a card with --gpu and a network with --model.")
        raise BadInputError(Problem(code="KB207", what=what, next_command="kb list recipes"))
    gpu = find_gpu(store, gpu_named(session, options["gpu"], options["vram"]))
    if options["model"] is None:
        what = _("Name the network with --model.")
        raise BadInputError(Problem(code="KB207", what=what, next_command="kb list models"))
    model = find_model(store, options["model"])
    limit = store.model(model).max_length
    tasks, length = options["tasks"] or 1, options["max_length"] or min(DEFAULT_LENGTH, limit)
    if length > limit:
        raise BadInputError(too_long(model, limit, length))
    named = {name: options[name] for name in ("method", "goal") if options[name] is not None}
    num_gpus = options["num_gpus"] or 1
    return RecipeKey(gpu=gpu, model=model, tasks=(tasks, tasks), max_length=length, num_gpus=num_gpus, **named)


def _without_id(session: Session, key: RecipeKey, options: Mapping[str, Any]) -> str:
    """Write the command that asks for the cell of an id by options alone, changed by those that were given."""
    store = session.store
    named = {name: options[name] for name in ("method", "goal") if options[name] is not None}
    if options["tasks"] is not None:
        named["tasks"] = (options["tasks"], options["tasks"])
    if options["model"] is not None:
        named["model"] = find_model(store, options["model"])
    if _names_card(options):
        named["gpu"] = find_gpu(store, gpu_named(session, options["gpu"], options["vram"]))
    model = store.model(named.get("model", key.model))
    length = min(options["max_length"] or key.max_length, model.max_length)
    return command_for(replace(key, **named, max_length=length), model).replace("kb recipe", "kb predict", 1)


def _names_card(options: Mapping[str, Any]) -> bool:
    return options["gpu"] is not None or options["vram"] is not None


def _differences(before: object, after: object, names: Iterable[str]) -> dict[str, tuple[Any, Any]]:
    """Return what is not the same in two records, old and new value of each."""
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in names}
    return {name: (old, new) for name, (old, new) in pairs.items() if old != new}


def _answer(store: Store, cell: RecipeKey, parallel: Parallel | None) -> tuple[Answer, bool]:
    """Return the recipe of a cell; where nothing fits, that of a roomy card, and True."""
    try:
        return answer_key(store, cell, parallel=parallel), False
    except FindingError:
        return answer_key(store, replace(cell, gpu=_ROOMY)), True


def _changed_key(session: Session, cell: RecipeKey, answer: Answer, options: Mapping[str, Any]) -> RecipeKey:
    """Return the cell with another card or length than its recipe is for."""
    if options["recipe_id"] is None:
        return cell
    key = cell
    if _names_card(options):
        key = replace(key, gpu=find_gpu(session.store, gpu_named(session, options["gpu"], options["vram"])))
    length = options["max_length"]
    if length is not None and length > answer.model.max_length:
        raise BadInputError(too_long(key.model, answer.model.max_length, length))
    return replace(key, max_length=length or key.max_length)


def _for_one_row(answer: Answer, gpu: Gpu | None) -> Settings:
    """Return what the rules say apart from memory, in the precision of the card and one row at a time."""
    computed = precision(gpu)
    return replace(
        answer.recipe.settings,
        per_device_train_batch_size=1,
        per_device_eval_batch_size=1,
        gradient_accumulation_steps=answer.recipe.effective_batch_size // answer.num_gpus,
        precision="fp32" if computed == "fp16" and answer.model.overflows_in_fp16 else computed,
        tf32=gpu is not None and gpu.supports.tf32,
    )


def _parallel(
    key: RecipeKey, settings: Settings, answer: Answer, nothing_fits: bool, options: Mapping[str, Any]
) -> Parallel:
    """Return how several GPUs share the work: as asked, else as the recipe does, else what needs less of each."""
    if options["parallel"] is not None:
        return options["parallel"]  # type: ignore[no-any-return]
    if nothing_fits and is_sharded(key.method, settings.optim):
        return "fsdp"
    return answer.parallel or "ddp"


def _padding(options: Mapping[str, Any]) -> Padding:
    if options["dynamic_padding"]:
        return "dynamic"
    return "none" if options["no_padding"] else "full"
