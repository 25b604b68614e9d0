"""Derive a recipe for a cell that no file answers: published starting point, rules, memory.

The search keeps the effective batch and looks for the largest per-device batch that fits, first as it is,
then with gradient checkpointing, then with an 8-bit optimizer as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from recipe_kb.resolve.ladder import build_ladder
from recipe_kb.resolve.memory import memory_fits
from recipe_kb.resolve.rules import eval_batch_size, goal_batch, keep_effective_batch, precision, sqrt_adam
from recipe_kb.schema.base import Parallel, TaskMixing
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Provenance, Recipe, RecipeKey, Settings
from recipe_kb.store.store import Store

_ENOUGH_ROWS = 4
"""A per-device batch this large is preferred over recomputing activations."""
_LIBRARY_DEFAULTS: dict[str, Any] = {
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-8,
    "max_grad_norm": 1.0,
    "lr_scheduler_type": "linear",
    "optim": "adamw_torch_fused",
}
_ENCODER_WEIGHT_DECAY = 0.01


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A derived recipe, or None with the smallest attempts, none of which fits.

    There are no attempts where the effective batch does not divide by the number of GPUs.
    """

    recipe: Recipe | None
    attempts: tuple[Settings, ...]
    effective: int


def derive(
    store: Store,
    key: RecipeKey,
    gpu: Gpu | None,
    model: Model,
    mixing: TaskMixing | None,
    parallel: Parallel = "ddp",
) -> Derived:
    """Answer a cell by the rules.

    Args:
        store: Rules, and the traced steps that memory is predicted from.
        key: The cell; the range of tasks is one number.
        gpu: Decides precision and kernels; None for a card known only by its size.
        model: Gives the published starting point.
        mixing: How tasks share a step; None for one task.
        parallel: How several GPUs share the work, where the key says several.
    """

    def search(goal: str) -> Derived:
        start = _start(store, key, gpu, model, store.rule("goal-batch").constants[goal])
        return _search(store, key, start, gpu, model, mixing, parallel)

    derived = search(key.goal)
    if key.goal == "speed" and derived.recipe and derived.recipe.settings.gradient_accumulation_steps > 1:
        # Accumulation costs time and saves only memory, so a larger effective batch is no gain where it needs it.
        smaller = search("balanced")
        if smaller.recipe and smaller.recipe.settings.gradient_accumulation_steps == 1:
            return smaller
    return derived


def is_derivable(
    store: Store,
    key: RecipeKey,
    gpu: Gpu | None,
    model: Model,
    mixing: TaskMixing | None,
    parallel: Parallel = "ddp",
) -> bool:
    """Say whether `derive` finds a recipe: whether one row fits, with whatever saves memory.

    Several GPUs without accumulation can take less than one row at a time, because FSDP deals gradients out only once
    they are summed.
    """
    start = _start(store, key, gpu, model, store.rule("goal-batch").constants[key.goal])
    savings = _savings(start, gpu, parallel)[::-1]
    ends = slice(None, 1)
    if key.num_gpus > 1:  # what saves most is enough to look at, but both with and without accumulation
        savings, ends = savings[:1], slice(None, None)
    tried = (
        settings
        for saving in savings
        for settings in _ends(_candidates(store, start, model, saving, key.num_gpus))[ends]
    )
    return any(memory_fits(store, key, settings, mixing, gpu, model, parallel) for settings in tried)


def _search(
    store: Store,
    key: RecipeKey,
    start: "_Start",
    gpu: Gpu | None,
    model: Model,
    mixing: TaskMixing | None,
    parallel: Parallel,
) -> Derived:
    """Find the best settings of a start that fit."""
    chosen: Settings | None = None
    smallest: list[Settings] = []
    for saving in _savings(start, gpu, parallel):
        if chosen and (chosen.per_device_train_batch_size >= _ENOUGH_ROWS or "optim" in saving):
            break
        candidates = _candidates(store, start, model, saving, key.num_gpus)
        if not candidates:
            break
        smallest.append(candidates[0])
        found = _largest(candidates, lambda settings: memory_fits(store, key, settings, mixing, gpu, model, parallel))
        # Recomputing activations is worth it only where the batch was too small to keep a GPU busy.
        if found and (chosen is None or found.per_device_train_batch_size >= _ENOUGH_ROWS):
            chosen = found
    recipe = _recipe(key, chosen, start, mixing, parallel) if chosen else None
    return Derived(recipe=recipe, attempts=tuple(smallest), effective=start.effective)


@dataclass(frozen=True, kw_only=True)
class _Start:
    """Everything but the batch, and the effective batch that it must make."""

    effective: int
    values: dict[str, Any]
    provenance: dict[str, Provenance]


def _start(store: Store, key: RecipeKey, gpu: Gpu | None, model: Model, factor: float) -> _Start:
    encoder = model.family == "encoder"
    lora = store.rule("lora-start").constants if key.method != "full" else None
    published = model.fine_tuning
    base_batch = int(lora["effective_batch_size"]) if lora else published.effective_batch_size
    base_rate = lora["learning_rate"] if lora else published.learning_rate
    effective = goal_batch(base_batch, factor)
    origin = Provenance(rule="lora-start") if lora else Provenance(source=published.source)
    rate = base_rate if factor == 1 else round_rate(sqrt_adam(base_rate, base_batch, effective))
    loader = store.rule("data-loader").constants
    hardware = _of_gpu(gpu)
    values = {
        **_LIBRARY_DEFAULTS,
        "learning_rate": rate,
        "warmup_ratio": store.rule("warm-up").constants["encoder_ratio" if encoder else "decoder_ratio"],
        "num_train_epochs": int(lora["num_train_epochs"]) if lora and not encoder else published.num_train_epochs,
        "weight_decay": _ENCODER_WEIGHT_DECAY if encoder else 0.0,
        "precision": "fp32" if model.overflows_in_fp16 and precision(gpu) == "fp16" else precision(gpu),
        "tf32": bool(gpu and gpu.supports.tf32),
        "gradient_checkpointing": False,
        "attn_implementation": model.default_attention,
        "dataloader_num_workers": int(loader["num_workers"]),
        "dataloader_prefetch_factor": int(loader["prefetch_factor"]),
        "dataloader_pin_memory": True,
        "dataloader_persistent_workers": True,
    }
    provenance = {name: Provenance(source="transformers-5.23") for name in _LIBRARY_DEFAULTS}
    provenance |= {name: Provenance(rule="data-loader") for name in values if name.startswith("dataloader_")}
    provenance |= {
        "learning_rate": origin if factor == 1 else Provenance(rule="sqrt-adam"),
        "num_train_epochs": origin if lora and not encoder else Provenance(model=key.model),
        "warmup_ratio": Provenance(rule="warm-up"),
        "weight_decay": Provenance(source="bert-2018" if encoder else "transformers-5.23"),
        "precision": hardware(key.gpu, "precision"),
        "tf32": hardware(key.gpu, "precision"),
        "attn_implementation": Provenance(model=key.model),
    }
    if lora:
        values |= {name: int(lora[name]) for name in ("lora_r", "lora_alpha")} | {"lora_dropout": lora["lora_dropout"]}
        provenance |= dict.fromkeys(("lora_r", "lora_alpha", "lora_dropout"), origin)
    if not lora:
        for name in ("lr_scheduler_type", "warmup_ratio"):
            said = getattr(published, name)
            if said is not None:
                values[name], provenance[name] = said, origin
    return _Start(effective=effective, values=values, provenance=provenance)


def _of_gpu(gpu: Gpu | None) -> Callable[[str, str], Provenance]:
    """Refer to the card, or to the rule where only a size is known."""
    if gpu is None:
        return lambda _gpu_id, rule: Provenance(rule=rule)
    return lambda gpu_id, _rule: Provenance(gpu=gpu_id)


def round_rate(rate: float) -> float:
    """Round a learning rate to two digits: no third digit of it means anything."""
    return float(f"{rate:.1e}")


def _savings(start: _Start, gpu: Gpu | None, parallel: Parallel) -> list[dict[str, Any]]:
    """Return what to change to save memory, the cheapest first; 8-bit optimizers do not work on FSDP's shards."""
    savings: list[dict[str, Any]] = [{}, {"gradient_checkpointing": True}]
    if parallel != "fsdp" and "lora_r" not in start.values and (gpu is None or gpu.supports.bnb_8bit_optimizer):
        savings.append({"gradient_checkpointing": True, "optim": "adamw_bnb_8bit"})
    return savings


def _ends(candidates: Sequence[Settings]) -> list[Settings]:
    """Return the first and the last."""
    return [*candidates[:1], *candidates[1:][-1:]]


def _candidates(store: Store, start: _Start, model: Model, saving: dict[str, Any], num_gpus: int = 1) -> list[Settings]:
    """Return settings with every per-device batch that divides the effective one, the smallest first."""
    factors = store.rule("eval-batch").constants
    factor = factors["encoder_factor" if model.family == "encoder" else "decoder_factor"]
    return [
        Settings(
            per_device_train_batch_size=per_device,
            per_device_eval_batch_size=eval_batch_size(per_device, factor),
            gradient_accumulation_steps=steps,
            **{**start.values, **saving},
        )
        for per_device in range(1, start.effective + 1)
        if (steps := keep_effective_batch(start.effective, per_device, num_gpus))
    ]


def _largest(candidates: Sequence[Settings], fits: Callable[[Settings], bool]) -> Settings | None:
    """Return the last that fits; both ends first, which often decide, then by halves, as memory grows with rows."""
    if fits(candidates[-1]):
        return candidates[-1]
    if not fits(candidates[0]):
        return None
    low, high = 1, len(candidates) - 1  # what is before low fits, high and what follows does not
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if fits(candidates[middle]) else (low, middle)
    return candidates[low - 1]


def _recipe(key: RecipeKey, settings: Settings, start: _Start, mixing: TaskMixing | None, parallel: Parallel) -> Recipe:
    provenance = start.provenance | {
        "per_device_train_batch_size": Provenance(rule="memory-estimate"),
        "gradient_accumulation_steps": Provenance(rule="keep-effective-batch"),
        "per_device_eval_batch_size": Provenance(rule="eval-batch"),
        "gradient_checkpointing": Provenance(rule="memory-estimate"),
    }
    if settings.optim != start.values["optim"]:
        provenance["optim"] = Provenance(rule="memory-estimate")
    return Recipe(
        origin="derived",
        status="predicted",
        task_mixing=mixing,
        effective_batch_size=start.effective,
        settings=settings,
        provenance={name: provenance[name] for name in settings.given()},
        ladder=build_ladder(key, settings, start.effective // key.num_gpus, parallel),
    )
