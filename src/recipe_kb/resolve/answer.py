"""The answer to "which settings?": an exact recipe, else a derived one, else why nothing fits."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from recipe_kb.errors import BadInputError, FindingError, Problem
from recipe_kb.i18n import _, gib, percent
from recipe_kb.resolve.ladder import for_fsdp
from recipe_kb.resolve.memory import MemoryEstimate, memory_of
from recipe_kb.resolve.rules import effective_batch_size
from recipe_kb.resolve.several import NOTES, NotPredictedError, fits_from, layer_of, not_divisible, share, ways
from recipe_kb.schema.base import Goal, Method, Parallel, TaskMixing, Text
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Recipe, RecipeKey
from recipe_kb.store.names import BARE_MEMORY, find_gpu, find_model
from recipe_kb.store.store import Store

SCHEMA = "kb-recipe/1"
DEFAULT_LENGTH = 512
_METHODS: tuple[Method, ...] = ("full", "lora", "qlora")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One recipe with everything that is known about it.

    `recipe_id` names the file, or the cell where the recipe is derived; `tasks` is the count that was asked for;
    `parallel` is how several GPUs share the work, None for one; `layer` is the class of the layers that FSDP gathers
    one at a time, None without FSDP or where the knowledge base does not know it.
    """

    recipe_id: str
    key: RecipeKey
    num_gpus: int
    recipe: Recipe
    gpu: Gpu | None
    model: Model
    memory: MemoryEstimate
    evidence: list[dict[str, Any]]
    notes: tuple[Text, ...]
    parallel: Parallel | None = None
    layer: str | None = None

    @property
    def effective_batch_size(self) -> int:
        """Samples per optimizer step over all GPUs."""
        settings = self.recipe.settings
        return effective_batch_size(
            settings.per_device_train_batch_size, settings.gradient_accumulation_steps, self.num_gpus
        )

    def to_json(self, language: str) -> dict[str, Any]:
        """Return the command-line contract's object; texts in one language, values never localised."""
        recipe, key = self.recipe, self.key
        low, high = key.tasks
        answer: dict[str, Any] = {
            "schema": SCHEMA,
            "id": self.recipe_id,
            "gpu": key.gpu,
            "model": key.model,
            "tasks": low if low == high else [low, high],
            "max_length": key.max_length,
            "method": key.method,
            "goal": key.goal,
            "num_gpus": self.num_gpus,
            "parallel": self.parallel,
            "origin": recipe.origin,
            "status": recipe.status,
            "task_mixing": recipe.task_mixing,
            "settings": recipe.settings.given(),
            "effective_batch_size": self.effective_batch_size,
            "memory": self.memory.to_json(),
            "provenance": {
                name: {
                    kind: value.get(language) if isinstance(value, Text) else value
                    for kind, value in vars(source).items()
                    if value is not None
                }
                for name, source in recipe.provenance.items()
            },
            "corrections": [asdict(correction) for correction in recipe.corrections],
            "assumptions": [text.get(language) for text in recipe.assumptions],
            "evidence": [record["path"] for record in self.evidence],
            "ladder": asdict(recipe.ladder),
            "notes": [note.get(language) for note in self.notes],
        }
        if recipe.refuted:
            answer["refuted"] = {
                "reason": recipe.refuted.reason.get(language),
                "instead": list(recipe.refuted.instead),
            }
        return answer


def ask(
    store: Store,
    *,
    gpu: str,
    model: str,
    tasks: int,
    max_length: int | None = None,
    method: Method = "full",
    goal: Goal = "balanced",
    num_gpus: int = 1,
    parallel: Parallel | None = None,
) -> Answer:
    """Answer what a person typed.

    Args:
        store: The knowledge base.
        gpu: Any spelling of a GPU, or `vram-8gb`.
        model: Any spelling of a model.
        tasks: Number of training tasks, 1 to 64.
        max_length: Tokens per sample; None takes 512, or the model's maximum where that is shorter.
        method: full, lora, qlora.
        goal: quality, balanced, speed.
        num_gpus: Cards that share the effective batch.
        parallel: How they share the work; None takes DDP, and FSDP where that needs too much.

    Raises:
        BadInputError: Unknown name, or a length over the model's maximum.
        FindingError: Nothing fits; says why and what would.
    """
    gpu_id, model_id = find_gpu(store, gpu), find_model(store, model)
    record = store.model(model_id)
    length = max_length or min(DEFAULT_LENGTH, record.max_length)
    key = RecipeKey(gpu=gpu_id, model=model_id, tasks=(tasks, tasks), max_length=length, method=method, goal=goal)
    return answer_key(store, key, num_gpus, parallel)


def answer_key(store: Store, key: RecipeKey, num_gpus: int = 1, parallel: Parallel | None = None) -> Answer:
    """Answer one cell; raises as `ask` does.

    Several GPUs share the effective batch of one, unless they have a recipe of their own.

    Args:
        store: The knowledge base.
        key: The cell.
        num_gpus: Cards, where the key says one.
        parallel: How several share the work; None takes DDP, and FSDP where that needs too much.
    """
    key = replace(key, num_gpus=max(num_gpus, key.num_gpus))
    model = store.model(key.model)
    if key.max_length > model.max_length:
        what = _("{model} takes at most {limit} tokens (got --max-length {length}).")
        what = what.format(model=key.model, limit=model.max_length, length=key.max_length)
        raise BadInputError(Problem(code="KB204", what=what, next_command=f"kb show {key.model}"))
    gpu = None if BARE_MEMORY.fullmatch(key.gpu) else store.gpu(key.gpu)
    found = store.recipe_for_tasks(key)
    way: Parallel | None = None if key.num_gpus == 1 else parallel or "ddp"
    if not found and key.num_gpus > 1:
        found, recipe, way = _on_several(store, key, gpu, model, parallel)
    elif found:
        recipe = _tried_so(store.recipe(found), way)
    else:
        recipe = _derived(store, key, gpu, model, None)
    return Answer(
        recipe_id=str(found or key),
        key=key,
        num_gpus=key.num_gpus,
        recipe=recipe,
        gpu=gpu,
        model=model,
        memory=memory_of(store, found or key, recipe.settings, recipe.task_mixing, gpu, model, way or "ddp"),
        evidence=store.evidence(str(found or key)),
        notes=recipe.notes + _rule_notes(store, recipe, model) + _fact_notes(gpu, model),
        parallel=way,
        layer=layer_of(store, key.model, way),
    )


def to_try(store: Store, answer: Answer, parallel: Parallel | None) -> Answer:
    """Return an answer for a probe whose GPUs share the work in a way that was asked for.

    A probe may find out what no prediction says: where none holds that it fits so, the settings stay, and are tried.

    Args:
        store: The knowledge base.
        answer: In the way that it was given.
        parallel: How several GPUs are to share the work; None for the way of the answer.

    Raises:
        BadInputError: A file of the knowledge base cannot be read.
    """
    if parallel is None or answer.num_gpus == 1 or parallel == answer.parallel:
        return answer
    try:
        return answer_key(store, answer.key, parallel=parallel)
    except (FindingError, NotPredictedError):
        recipe, key = answer.recipe, RecipeKey.parse(answer.recipe_id) or answer.key
        memory = memory_of(store, key, recipe.settings, recipe.task_mixing, answer.gpu, answer.model, parallel)
        layer = layer_of(store, key.model, parallel)
        return replace(answer, recipe=_tried_so(recipe, parallel), memory=memory, parallel=parallel, layer=layer)


def _tried_so(recipe: Recipe, parallel: Parallel | None) -> Recipe:
    """Return a recipe whose ladder works in the way that its GPUs share the work."""
    return replace(recipe, ladder=for_fsdp(recipe.ladder)) if parallel == "fsdp" else recipe


def _on_several(
    store: Store, key: RecipeKey, gpu: Gpu | None, model: Model, parallel: Parallel | None
) -> tuple[RecipeKey | None, Recipe, Parallel | None]:
    """Share the recipe of one GPU; where that is derived, derive again with the memory of several.

    Returns:
        The key of what was found or shared, the recipe, and how the GPUs share the work.
    """
    found = store.recipe_for_tasks(replace(key, num_gpus=1))
    if found is None:
        for way in ways(key, "adamw_torch_fused", parallel):
            try:
                recipe = _derived(store, key, gpu, model, way)
            except FindingError:
                if way == ways(key, "adamw_torch_fused", parallel)[-1]:
                    raise
                continue
            return None, replace(recipe, notes=(*recipe.notes, NOTES[way])), way
    assert found is not None  # noqa: S101 - else a way was returned, or the last one raised
    recipe, shared_key = store.recipe(found), replace(found, num_gpus=key.num_gpus)
    if recipe.refuted:
        return found, recipe, None
    for way in ways(key, recipe.settings.optim, parallel):
        shared = share(store, shared_key, recipe, gpu, model, way)
        if shared is not None:
            return shared_key, shared, way
    closest = memory_of(store, shared_key, recipe.settings, recipe.task_mixing, gpu, model, way)
    raise FindingError(_nothing_fits(store, key, gpu, model, closest))


def _derived(store: Store, key: RecipeKey, gpu: Gpu | None, model: Model, parallel: Parallel | None) -> Recipe:
    """Derive a recipe by the rules.

    Raises:
        BadInputError: The effective batch does not divide by the number of GPUs.
        FindingError: Nothing fits.
    """
    from recipe_kb.resolve.derive import derive  # not before: an exact recipe does without it

    several_heads = key.tasks[1] > 1 and model.family == "encoder"
    mixing: TaskMixing | None = "interleaved" if several_heads else None
    way = parallel or "ddp"
    derived = derive(store, key, gpu, model, mixing, way)
    if derived.recipe is not None:
        return derived.recipe
    if not derived.attempts:
        raise BadInputError(not_divisible(derived.effective, key.num_gpus))
    attempts = (memory_of(store, key, settings, mixing, gpu, model, way) for settings in derived.attempts)
    closest = min(attempts, key=lambda memory: memory.peak_reserved_bytes)
    raise FindingError(_nothing_fits(store, key, gpu, model, closest))


def command_for(key: RecipeKey, model: Model, num_gpus: int = 1) -> str:
    """Write the command that asks for a cell."""
    bare = BARE_MEMORY.fullmatch(key.gpu)
    card = f"--vram {bare[1]}" if bare else f"--gpu {key.gpu}"
    words = f"kb recipe {card} --model {key.model} --tasks {key.tasks[0]}"
    if key.max_length != min(DEFAULT_LENGTH, model.max_length):
        words += f" --max-length {key.max_length}"
    for option, value, default in (("method", key.method, "full"), ("goal", key.goal, "balanced")):
        if value != default:
            words += f" --{option} {value}"
    return words + (f" --num-gpus {num_gpus}" if num_gpus > 1 else "")


def _rule_notes(store: Store, recipe: Recipe, model: Model) -> tuple[Text, ...]:
    """Return what a reader must know besides the settings: the multi-task rule, the accumulation trap."""
    notes: list[Text] = []
    if recipe.task_mixing:
        notes.append(store.rule("num-tasks").statement)
    steps = [recipe.settings.gradient_accumulation_steps]
    steps += [int(rung.set.get("gradient_accumulation_steps", 1)) for rung in recipe.ladder.out_of_memory]
    trap = store.rule("effective-batch").caveat
    if trap and max(steps) > 1 and model.family == "encoder":
        notes.append(trap)
    return tuple(notes)


def _fact_notes(gpu: Gpu | None, model: Model) -> tuple[Text, ...]:
    """Return what the facts say that decides whether a run works: input, borrowed figures, an old card's wheel."""
    card = gpu.note if gpu and not gpu.supports.torch_default_wheel else None
    return tuple(note for note in (model.note, model.fine_tuning.note, card) if note)


def _nothing_fits(store: Store, key: RecipeKey, gpu: Gpu | None, model: Model, memory: MemoryEstimate) -> Problem:
    """Say what fills the card even at one row, and which method or GPU would do."""
    what = _(
        "Nothing fits: {model} with {method} needs about {need} on {gpu} even with one row, "
        "and {limit} may be used, {free} kept free."
    )
    what = what.format(
        model=key.model,
        method=key.method,
        need=gib(memory.peak_reserved_bytes),
        gpu=gpu.name if gpu else key.gpu,
        limit=gib(memory.usable_bytes),
        free=percent(memory.free_share),
    )
    from recipe_kb.resolve.derive import is_derivable

    count = fits_from(store, key, gpu, model)
    several = " " + _("On this card it fits from {count} cards with FSDP.").format(count=count) if count else ""
    one = replace(key, num_gpus=1)
    for method in _METHODS[_METHODS.index(key.method) + 1 :]:
        cheaper = replace(one, method=method)
        if is_derivable(store, cheaper, gpu, model, None):
            what += " " + _("It fits with --method {method}.").format(method=method) + several
            return Problem(code="KB210", what=what, next_command=command_for(cheaper, model))
    larger = _smallest_gpu(store, one, model)
    if larger:
        what += " " + _("The smallest card it fits is {gpu}.").format(gpu=larger) + several
        return Problem(code="KB210", what=what, next_command=command_for(replace(one, gpu=larger), model))
    what += " " + _("No single card of the knowledge base holds it.") + several
    next_command = command_for(key, model, count) if count else "kb list gpus"
    return Problem(code="KB210", what=what, next_command=next_command)


def _smallest_gpu(store: Store, key: RecipeKey, model: Model) -> str | None:
    from recipe_kb.resolve.derive import is_derivable

    sizes = {gpu_id: store.gpu(gpu_id) for gpu_id in store.gpu_ids()}
    for gpu_id, gpu in sorted(sizes.items(), key=lambda item: item[1].memory.limit_bytes):
        if is_derivable(store, replace(key, gpu=gpu_id), gpu, model, None):
            return gpu_id
    return None
