"""The predicted memory of a configuration, and of the same one with something changed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, get_args

from recipe_kb.errors import KbError
from recipe_kb.i18n import _, gib
from recipe_kb.lint.subject import ACCUMULATION, EVALUATION, TRAIN, Subject
from recipe_kb.memory.predict import usable_bytes
from recipe_kb.resolve.estimate import estimated_parts
from recipe_kb.resolve.memory import RULE, MemoryEstimate, context_on, memory_fits, memory_of, total_bytes
from recipe_kb.resolve.rules import precision
from recipe_kb.resolve.traced import question_of
from recipe_kb.schema.base import Attention, Optimizer
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import MAX_TASKS, RecipeKey, Settings

_MOST = 4096
"""Batches and accumulation beyond are not predicted: such a run is caught by other rules, or is none."""
AT_LEAST, AT_MOST = 0.4, 2.5
"""A traced peak as multiples of the documented figures: no model and setting is outside, and a test looks."""
_UNTOUCHED: dict[str, Any] = {
    "learning_rate": 3e-5,
    "lr_scheduler_type": "linear",
    "warmup_ratio": 0.0,
    "num_train_epochs": 1,
    "weight_decay": 0.0,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-8,
    "max_grad_norm": 1.0,
    "tf32": False,
    "dataloader_num_workers": 0,
    "dataloader_prefetch_factor": None,
    "dataloader_pin_memory": True,
    "dataloader_persistent_workers": False,
}
"""Settings that memory does not depend on."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """All that a prediction needs.

    Attributes:
        key: Card, model, tasks, length, method.
        settings: With what is not written filled in.
        gpu: The card.
        model: The network.
        assumed: What was filled in, as `name=value`.
    """

    key: RecipeKey
    settings: Settings
    gpu: Gpu
    model: Model
    assumed: tuple[str, ...]

    @property
    def mixing(self) -> str | None:
        """How tasks share a step: one after the other, as transformers does without more."""
        return "interleaved" if self.key.tasks[1] > 1 else None

    def changed(self, **changes: Any) -> "Cell":
        """Return the cell with other settings."""
        return replace(self, settings=Settings(**(vars(self.settings) | changes)))


def cell_of(subject: Subject) -> Cell | None:
    """Return what is to be predicted; None where card, model, length or batch are not known, or make no run."""
    if "cell" not in subject.own:
        subject.own["cell"] = _cell(subject)
    found: Cell | None = subject.own["cell"]
    return found


def predicted(subject: Subject, cell: Cell) -> MemoryEstimate | None:
    """Predict the peak; None where the knowledge base cannot."""
    found: MemoryEstimate | None = _once(
        subject,
        ("memory", _name(cell)),
        lambda: memory_of(subject.store, cell.key, cell.settings, cell.mixing, cell.gpu, cell.model),
    )
    return found


def fits(subject: Subject, cell: Cell) -> bool:
    """Say whether the peak is predicted to leave the margin free."""
    known: MemoryEstimate | None = subject.kept.get(("memory", _name(cell)))
    if known is not None:
        return known.fits
    said = _once(subject, ("fits", _name(cell)), lambda: _fits(subject, cell))
    return bool(said)


def is_traced(subject: Subject, cell: Cell) -> bool:
    """Say whether the prediction comes from a traced step, which is known to within a few hundredths."""
    return bool(_once(subject, ("traced", _name(cell)), lambda: _is_traced(subject, cell)))


def _is_traced(subject: Subject, cell: Cell) -> bool:
    store, key = subject.store, cell.key
    context, total = context_on(store, key, cell.gpu), total_bytes(store, key, cell.gpu)
    question = question_of(store, key, cell.settings, cell.mixing, cell.model, cell.gpu, context, total)
    return question is not None


def _fits(subject: Subject, cell: Cell) -> bool:
    """Ask the documented figures first, which take no time: where they are far from the limit, nothing is replayed."""
    store, key, settings = subject.store, cell.key, cell.settings
    constants = store.rule(RULE).constants
    factor = store.rule("eval-batch").constants[f"{cell.model.family}_factor"]
    if settings.per_device_eval_batch_size <= factor * settings.per_device_train_batch_size:
        peak = sum(estimated_parts(key, settings, cell.mixing, cell.model, constants).values())
        limit = total_bytes(store, key, cell.gpu) - context_on(store, key, cell.gpu).high_bytes
        if peak * AT_MOST <= usable_bytes(limit):
            return True
        if peak * AT_LEAST > limit:
            return False
    return memory_fits(store, key, settings, cell.mixing, cell.gpu, cell.model)


def words(cell: Cell, memory: MemoryEstimate) -> str:
    """Say what was predicted, of what, and what was assumed."""
    said = _("{model} ({method}) at {length} tokens on {gpu} is predicted to take {peak} of {limit}").format(
        model=cell.key.model,
        method=cell.key.method,
        length=cell.key.max_length,
        gpu=cell.gpu.name,
        peak=f"{gib(memory.interval[0])} - {gib(memory.interval[1])}",
        limit=gib(memory.limit_bytes),
    )
    if cell.assumed:
        said += " " + _("(assumed, as it is not written: {names})").format(names=", ".join(cell.assumed))
    return said


def _once(subject: Subject, name: Any, work: Callable[[], Any]) -> Any:
    if name not in subject.kept:
        try:
            subject.kept[name] = work()
        except (KbError, ArithmeticError):
            subject.kept[name] = None
    return subject.kept[name]


def _name(cell: Cell) -> tuple[Any, ...]:
    settings = vars(cell.settings)
    return (str(cell.key), *(settings[name] for name in sorted(settings)))


def _cell(subject: Subject) -> Cell | None:
    length, batch, accumulation = subject.max_length, subject.batch, subject.accumulation
    gpu, model, tasks = subject.gpu, subject.model, subject.tasks or 1
    if gpu is None or model is None or not length or not batch or not accumulation:
        return None
    evaluation = subject.count(EVALUATION) or 1
    if length > model.max_length or max(batch, accumulation, evaluation) > _MOST or tasks > MAX_TASKS:
        return None
    if subject.written(EVALUATION) and not subject.count(EVALUATION):
        return None
    filled = _filled(subject, gpu, model)
    if filled is None:
        return None
    values, assumed = filled
    values |= {TRAIN: batch, EVALUATION: evaluation, ACCUMULATION: accumulation}
    settings = Settings(**_UNTOUCHED, **values)
    key = RecipeKey(
        gpu=subject.gpu_id or "",
        model=subject.model_id or "",
        tasks=(tasks, tasks),
        max_length=length,
        method=subject.method,  # type: ignore[arg-type]
    )
    return Cell(key=key, settings=settings, gpu=gpu, model=model, assumed=assumed)


def _filled(subject: Subject, gpu: Gpu, model: Model) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """Return what memory depends on beside the batch, and what of it was assumed; None where a value is not known."""
    said: dict[str, Any] = {
        "precision": subject.precision,
        "optim": {"adamw": "adamw_torch", "adamw_8bit": "adamw_bnb_8bit"}.get(
            subject.optimizer or "", subject.optimizer
        ),
        "attn_implementation": subject.word("attn_implementation"),
        "gradient_checkpointing": subject.flag("gradient_checkpointing"),
    }
    usual = {
        "precision": "fp32" if model.overflows_in_fp16 and precision(gpu) == "fp16" else precision(gpu),
        "optim": "adamw_torch_fused",
        "attn_implementation": model.default_attention,
        "gradient_checkpointing": False,
    }
    if said["precision"] == "fp8":
        return None
    if said["optim"] and said["optim"] not in get_args(Optimizer):
        return None
    if said["attn_implementation"] and said["attn_implementation"] not in get_args(Attention):
        return None
    values = {name: usual[name] if value is None else value for name, value in said.items()}
    assumed = [f"{name}={usual[name]}" for name in ("precision", "optim") if said[name] is None]
    if subject.method != "full":
        lora = subject.store.rule("lora-start").constants
        dropout = subject.number("lora_dropout")
        values |= {
            "lora_r": subject.count("lora_r") or int(lora["lora_r"]),
            "lora_alpha": subject.count("lora_alpha") or int(lora["lora_alpha"]),
            "lora_dropout": lora["lora_dropout"] if dropout is None else dropout,
        }
    return values, tuple(assumed)
