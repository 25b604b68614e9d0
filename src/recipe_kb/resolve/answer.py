"""The answer to "which settings?": an exact recipe, else a derived one, else why nothing fits."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from recipe_kb.errors import BadInputError, FindingError, Problem
from recipe_kb.i18n import _, gib, number
from recipe_kb.resolve.ladder import build_ladder
from recipe_kb.resolve.memory import MemoryEstimate, memory_of
from recipe_kb.resolve.rules import effective_batch_size, keep_effective_batch
from recipe_kb.schema.base import Goal, Method, TaskMixing, Text
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Provenance, Recipe, RecipeKey
from recipe_kb.store.names import BARE_MEMORY, find_gpu, find_model
from recipe_kb.store.store import Store

SCHEMA = "kb-recipe/1"
DEFAULT_LENGTH = 512
_DDP = Text(
    en="Memory is that of one card training alone: the buckets in which several cards exchange gradients, about the "
    "size of the gradients, are not counted.",
    vi="Bộ nhớ ở đây là của một card train riêng: chưa tính các bucket để nhiều card trao đổi gradient, cỡ bằng "
    "chính gradient.",
)
_METHODS: tuple[Method, ...] = ("full", "lora", "qlora")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One recipe with everything that is known about it.

    `recipe_id` names the file, or the cell where the recipe is derived; `tasks` is the count that was asked for.
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

    Raises:
        BadInputError: Unknown name, or a length over the model's maximum.
        FindingError: Nothing fits; says why and what would.
    """
    gpu_id, model_id = find_gpu(store, gpu), find_model(store, model)
    record = store.model(model_id)
    length = max_length or min(DEFAULT_LENGTH, record.max_length)
    key = RecipeKey(gpu=gpu_id, model=model_id, tasks=(tasks, tasks), max_length=length, method=method, goal=goal)
    return answer_key(store, key, num_gpus)


def answer_key(store: Store, key: RecipeKey, num_gpus: int = 1) -> Answer:
    """Answer one cell; raises as `ask` does."""
    model = store.model(key.model)
    if key.max_length > model.max_length:
        what = _("{model} takes at most {limit} tokens (got --max-length {length}).")
        what = what.format(model=key.model, limit=model.max_length, length=key.max_length)
        raise BadInputError(Problem(code="KB204", what=what, next_command=f"kb show {key.model}"))
    gpu = None if BARE_MEMORY.fullmatch(key.gpu) else store.gpu(key.gpu)
    found = store.recipe_for_tasks(key)
    if found:
        recipe = store.recipe(found)
        memory = memory_of(store, found, recipe.settings, recipe.task_mixing, gpu, model)
        evidence = store.evidence(str(found))
    else:
        from recipe_kb.resolve.derive import derive  # not before: an exact recipe does without it

        several_heads = key.tasks[1] > 1 and model.family == "encoder"
        mixing: TaskMixing | None = "interleaved" if several_heads else None
        derived = derive(store, key, gpu, model, mixing)
        if derived.recipe is None:
            attempts = (memory_of(store, key, settings, mixing, gpu, model) for settings in derived.attempts)
            closest = min(attempts, key=lambda memory: memory.peak_reserved_bytes)
            raise FindingError(_nothing_fits(store, key, gpu, model, closest))
        recipe, evidence = derived.recipe, store.evidence(str(key))
        memory = memory_of(store, key, recipe.settings, mixing, gpu, model)
    if num_gpus > 1 and not recipe.refuted:
        evidence = []
        recipe = _share(key, recipe, num_gpus)
        memory = memory_of(store, key, recipe.settings, recipe.task_mixing, gpu, model)
    return Answer(
        recipe_id=str(found or key),
        key=key,
        num_gpus=num_gpus,
        recipe=recipe,
        gpu=gpu,
        model=model,
        memory=memory,
        evidence=evidence,
        notes=recipe.notes + _rule_notes(store, recipe, model) + _fact_notes(gpu, model),
    )


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


def _share(key: RecipeKey, recipe: Recipe, num_gpus: int) -> Recipe:
    """Split the effective batch over several GPUs, as large per device as the recipe allows."""
    effective, settings = recipe.effective_batch_size, recipe.settings
    for per_device in range(settings.per_device_train_batch_size, 0, -1):
        steps = keep_effective_batch(effective, per_device, num_gpus)
        if steps:
            share = per_device * settings.per_device_eval_batch_size // settings.per_device_train_batch_size
            changed = replace(
                settings,
                per_device_train_batch_size=per_device,
                per_device_eval_batch_size=max(1, share),
                gradient_accumulation_steps=steps,
            )
            moved = ("per_device_train_batch_size", "gradient_accumulation_steps")
            provenance = recipe.provenance | dict.fromkeys(moved, Provenance(rule="keep-effective-batch"))
            return replace(
                recipe,
                origin="derived",
                status="predicted",
                settings=changed,
                provenance=provenance,
                effective_batch_size=per_device * steps,
                ladder=build_ladder(key, changed, per_device * steps),
                corrections=(),
                notes=(*recipe.notes, _DDP),
            )
    divisors = [str(count) for count in range(2, effective + 1) if effective % count == 0]
    what = _("An effective batch of {effective} cannot be split over {count} GPUs; these counts work: {counts}.")
    what = what.format(effective=effective, count=num_gpus, counts=", ".join(divisors))
    raise BadInputError(Problem(code="KB205", what=what, next_command="kb recipe --help"))


def _nothing_fits(store: Store, key: RecipeKey, gpu: Gpu | None, model: Model, memory: MemoryEstimate) -> Problem:
    """Say what fills the card even at one row, and which method or GPU would do."""
    what = _(
        "Nothing fits: {model} with {method} needs about {need} on {gpu} even with one row, "
        "and {limit} may be used, {free} % kept free."
    )
    what = what.format(
        model=key.model,
        method=key.method,
        need=gib(memory.peak_reserved_bytes),
        gpu=gpu.name if gpu else key.gpu,
        limit=gib(memory.usable_bytes),
        free=number(100 * memory.free_share, 0),
    )
    from recipe_kb.resolve.derive import is_derivable

    for method in _METHODS[_METHODS.index(key.method) + 1 :]:
        cheaper = replace(key, method=method)
        if is_derivable(store, cheaper, gpu, model, None):
            what += " " + _("It fits with --method {method}.").format(method=method)
            return Problem(code="KB210", what=what, next_command=command_for(cheaper, model))
    larger = _smallest_gpu(store, key, model)
    if larger:
        what += " " + _("The smallest card it fits is {gpu}.").format(gpu=larger)
        return Problem(code="KB210", what=what, next_command=command_for(replace(key, gpu=larger), model))
    what += " " + _("No single card of the knowledge base holds it.")
    return Problem(code="KB210", what=what, next_command="kb list gpus")


def _smallest_gpu(store: Store, key: RecipeKey, model: Model) -> str | None:
    from recipe_kb.resolve.derive import is_derivable

    sizes = {gpu_id: store.gpu(gpu_id) for gpu_id in store.gpu_ids()}
    for gpu_id, gpu in sorted(sizes.items(), key=lambda item: item[1].memory.limit_bytes):
        if is_derivable(store, replace(key, gpu=gpu_id), gpu, model, None):
            return gpu_id
    return None
