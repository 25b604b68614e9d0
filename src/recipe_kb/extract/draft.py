"""A configuration that was found -> a draft of a recipe: what it says, and for the rest what `kb recipe` answers.

Nothing is invented silently: each setting of the document names its line, each other one keeps the provenance of the
answer, what is assumed is listed, and what `kb check` would refuse is said.
"""

from dataclasses import dataclass, replace
from typing import Any

from recipe_kb.errors import KbError
from recipe_kb.i18n import _
from recipe_kb.resolve.answer import ask
from recipe_kb.resolve.ladder import build_ladder
from recipe_kb.resolve.memory import memory_of
from recipe_kb.schema.base import Text
from recipe_kb.schema.configuration import Configuration
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Provenance, Recipe, RecipeKey, Settings
from recipe_kb.store.store import Store
from recipe_kb.store.strict import OddError, accept

_TYPES: dict[str, Any] = {name: part.type for name, part in Settings.__dataclass_fields__.items()}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What can be said about a recipe.

    Attributes:
        key: Its cell; None where GPU or model are unknown.
        recipe: Whole; None where the cell is unknown or nothing fits it.
        gpu: Of the cell.
        missing: What must be known or decided before `kb check` accepts it, in the active language.
        left_out: Settings of the document that a recipe has no place for, or that contradict its schema.
    """

    key: RecipeKey | None
    recipe: Recipe | None
    gpu: Gpu | None
    missing: tuple[str, ...]
    left_out: tuple[str, ...]


def draft(store: Store, configuration: Configuration) -> Draft:
    """Draft a recipe.

    Args:
        store: The knowledge base.
        configuration: As it was found; its context names the cell.
    """
    context = configuration.context
    missing = []
    if context.gpu is None:
        missing.append(_("gpu: the document does not say which card it is for, or names several"))
    if context.model is None:
        missing.append(_("model: the document does not say which model it is for, or names several"))
    if context.gpu is None or context.model is None:
        return Draft(key=None, recipe=None, gpu=None, missing=tuple(missing), left_out=())
    model = store.model(context.model)
    method: Any = context.method or "full"
    try:
        answer = ask(
            store,
            gpu=context.gpu,
            model=context.model,
            tasks=min(context.tasks or 1, 64),
            max_length=context.max_length,
            method=method,
        )
    except KbError as error:
        return Draft(key=None, recipe=None, gpu=None, missing=tuple(one.what for one in error.problems), left_out=())
    settings, provenance, left_out = _taken(configuration, answer.recipe)
    effective = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
    key, gpu = answer.key, answer.gpu
    recipe = replace(
        answer.recipe,
        origin="derived",
        status="predicted",
        settings=settings,
        provenance=provenance,
        effective_batch_size=effective,
        ladder=build_ladder(key, settings, effective),
        corrections=(),
        refuted=None,
        assumptions=(*answer.recipe.assumptions, *_assumptions(configuration, key)),
    )
    missing += _refusals(store, key, recipe, gpu, model)
    return Draft(key=key, recipe=recipe, gpu=gpu, missing=tuple(missing), left_out=tuple(left_out))


def _taken(configuration: Configuration, base: Recipe) -> tuple[Settings, dict[str, Provenance], list[str]]:
    """Put what the document says into the settings of the answer."""
    values, provenance = base.settings.values(), dict(base.provenance)
    left_out = []
    for setting in configuration.settings:
        shown = f"{setting.written_name} = {setting.written_value}, {configuration.file}:{setting.line}"
        if setting.name not in _TYPES:
            if setting.name not in {"max_length", "model_name_or_path", "num_gpus", "tasks", "method"}:
                left_out.append(shown)
            continue
        try:
            values[setting.name] = accept(_TYPES[setting.name], setting.value)
        except OddError:
            left_out.append(shown)
            continue
        said = Text(
            en=f"Written in {configuration.file}:{setting.line} as {setting.written_name}; nobody has checked it.",
            vi=f"Ghi ở {configuration.file}:{setting.line} dưới tên {setting.written_name}; chưa ai kiểm chứng.",
        )
        provenance[setting.name] = Provenance(assumption=said)
    if values["dataloader_num_workers"] == 0:
        values |= {"dataloader_prefetch_factor": None, "dataloader_persistent_workers": False}
        provenance.pop("dataloader_prefetch_factor", None)
    elif values["dataloader_prefetch_factor"] is None:
        values["dataloader_prefetch_factor"] = 2
        provenance["dataloader_prefetch_factor"] = Provenance(rule="data-loader")
    settings = Settings(**values)
    given = settings.given()
    return settings, {name: source for name, source in provenance.items() if name in given}, left_out


def _assumptions(configuration: Configuration, key: RecipeKey) -> list[Text]:
    """Say what the document leaves open and the draft had to choose."""
    context = configuration.context
    found = []
    if context.tasks is None:
        found.append(
            Text(
                en=f"{configuration.file} does not say how many tasks are trained; one was assumed.",
                vi=f"{configuration.file} không nói train bao nhiêu task; giả định là một.",
            )
        )
    if context.max_length is None:
        found.append(
            Text(
                en=f"{configuration.file} does not say how long the samples are; {key.max_length} tokens were assumed.",
                vi=f"{configuration.file} không nói mẫu dài bao nhiêu; giả định là {key.max_length} token.",
            )
        )
    return found


def _refusals(store: Store, key: RecipeKey, recipe: Recipe, gpu: Gpu | None, model: Model) -> list[str]:
    """Return what `kb check` would say against the draft."""
    found = []
    if gpu and recipe.settings.precision == "bf16" and not gpu.supports.bf16:
        found.append(_("precision: this GPU has no bf16 units"))
    if gpu and recipe.settings.tf32 and not gpu.supports.tf32:
        found.append(_("tf32: this GPU has no TF32 units"))
    memory = memory_of(store, key, recipe.settings, recipe.task_mixing, gpu, model)
    if not memory.fits:
        found.append(_("per_device_train_batch_size: the predicted memory exceeds what the card leaves"))
    if store.recipe_for_tasks(key) is not None:
        found.append(_("the cell has a recipe already; a cell has one"))
    return found
