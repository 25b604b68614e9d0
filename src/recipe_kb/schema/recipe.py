"""kb/recipes/GPU/MODEL/TASKSt-LENGTH-METHOD[-GOAL][-Nx].yaml: one answer; its id is its path."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from recipe_kb.schema.base import (
    Attention,
    Goal,
    Limits,
    Method,
    Optimizer,
    Origin,
    Positive,
    Precision,
    Scheduler,
    Slug,
    Status,
    TaskMixing,
    Text,
    record,
)

MAX_TASKS = 64
_CELL = re.compile(
    r"(?P<low>\d+)(?:-(?P<high>\d+))?t-(?P<length>\d+)-(?P<method>full|lora|qlora)(?:-(?P<goal>quality|balanced|speed))?"
    r"(?:-(?P<gpus>[1-9]\d{0,3})x)?"
)


@record
class RecipeKey:
    """The cell that a recipe answers: GPU x model x task count x length x method x goal, on so many GPUs at once."""

    gpu: str
    model: str
    tasks: tuple[int, int]
    max_length: int
    method: Method = "full"
    goal: Goal = "balanced"
    num_gpus: int = 1

    @classmethod
    def parse(cls, recipe_id: str) -> Self | None:
        """Read `t4/biobert/2-3t-512-full` or `t4/biobert/8t-512-full-2x`; None if it is no recipe id."""
        parts = recipe_id.split("/")
        match = _CELL.fullmatch(parts[-1])
        if len(parts) != 3 or match is None:  # noqa: PLR2004 - gpu/model/cell
            return None
        low = int(match["low"])
        method, goal = match["method"], match["goal"] or "balanced"
        return cls(
            gpu=parts[0],
            model=parts[1],
            tasks=(low, int(match["high"] or low)),
            max_length=int(match["length"]),
            method=method,  # type: ignore[arg-type]
            goal=goal,  # type: ignore[arg-type]
            num_gpus=int(match["gpus"] or 1),
        )

    def __str__(self) -> str:
        """Write the id; a balanced goal and a single GPU are not spelled out."""
        low, high = self.tasks
        tasks = f"{low}t" if low == high else f"{low}-{high}t"
        goal = "" if self.goal == "balanced" else f"-{self.goal}"
        gpus = "" if self.num_gpus == 1 else f"-{self.num_gpus}x"
        return f"{self.gpu}/{self.model}/{tasks}-{self.max_length}-{self.method}{goal}{gpus}"


@record
class Settings:
    """The arguments of one training run, in transformers' own names where it has one.

    `tf32`, `attn_implementation` and the `lora_*` values are None where they do not apply.
    `warmup_ratio` is a fraction of all optimizer steps.
    """

    per_device_train_batch_size: Positive
    per_device_eval_batch_size: Positive
    gradient_accumulation_steps: Positive
    learning_rate: Annotated[float, Limits(gt=0, lt=1)]
    lr_scheduler_type: Scheduler
    warmup_ratio: Annotated[float, Limits(ge=0, lt=1)]
    num_train_epochs: Positive
    optim: Optimizer
    weight_decay: Annotated[float, Limits(ge=0)]
    adam_beta1: Annotated[float, Limits(gt=0, lt=1)]
    adam_beta2: Annotated[float, Limits(gt=0, lt=1)]
    adam_epsilon: Annotated[float, Limits(gt=0)]
    max_grad_norm: Annotated[float, Limits(ge=0)]
    precision: Precision
    tf32: bool
    gradient_checkpointing: bool
    attn_implementation: Attention
    dataloader_num_workers: Annotated[int, Limits(ge=0)]
    dataloader_prefetch_factor: Positive | None
    dataloader_pin_memory: bool
    dataloader_persistent_workers: bool
    lora_r: Positive | None = None
    lora_alpha: Positive | None = None
    lora_dropout: Annotated[float, Limits(ge=0, lt=1)] | None = None

    def given(self) -> dict[str, Any]:
        """Return the settings that apply, in the order of the schema."""
        return {name: value for name, value in self.values().items() if value is not None}

    def values(self) -> dict[str, Any]:
        """Return all settings, None for those that do not apply."""
        return dict(vars(self))


@record
class Provenance:
    """Where one setting comes from: exactly one of the references, and a note where it needs one.

    `claim` is a claim of a guide, `rule` a file of kb/rules, `source` an entry of kb/sources.yaml,
    `gpu` or `model` the fact file that decides it, `assumption` what was assumed because nobody says.
    """

    claim: str | None = None
    rule: Slug | None = None
    source: Slug | None = None
    gpu: Slug | None = None
    model: Slug | None = None
    evidence: str | None = None
    assumption: Text | None = None
    note: Text | None = None

    @property
    def kind(self) -> str:
        """Return which of the references is given."""
        return next(name for name in PROVENANCE_KINDS if getattr(self, name) is not None)

    def __post_init__(self) -> None:
        """Refuse none and more than one reference."""
        given = [name for name in PROVENANCE_KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise _odd("one_reference", {"given": given})


PROVENANCE_KINDS = ("claim", "rule", "source", "gpu", "model", "evidence", "assumption")


@record
class Rung:
    """One step of a ladder: the settings to change, and why it helps.

    `max_length` may change too, though it is part of the key: the recipe's data are then truncated.
    """

    set: Annotated[dict[str, bool | int | float | str], Limits(min_length=1)]
    why: Slug


@record
class Ladder:
    """What to do, in this order, when memory runs out and when training is slow."""

    out_of_memory: tuple[Rung, ...]
    slow: tuple[Rung, ...]


@record
class Correction:
    """A value of the guide that was not taken over, and the claim whose verdict says why."""

    setting: str
    guide_value: bool | int | float | str
    claim: str


@record
class Refutation:
    """Why the recipe cannot hold, and the recipes that work instead."""

    reason: Text
    instead: Annotated[tuple[str, ...], Limits(min_length=1)]


@record
class Recipe:
    """One answer. Its key is its path and stands nowhere else.

    `effective_batch_size` counts the rows of all GPUs; how many there are is in the key, so that the product is held
    against it where both are read.
    """

    origin: Origin
    status: Status
    task_mixing: TaskMixing | None
    effective_batch_size: Positive
    settings: Settings
    provenance: dict[str, Provenance]
    corrections: tuple[Correction, ...] = ()
    assumptions: tuple[Text, ...] = ()
    ladder: Ladder
    refuted: Refutation | None = None
    notes: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        """Hold what no single field can say: the product, a source for every setting, a reason to refute."""
        settings = self.settings
        product = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
        if self.effective_batch_size % product:
            context = {
                "got": self.effective_batch_size,
                "product": product,
                "batch": settings.per_device_train_batch_size,
                "accumulation": settings.gradient_accumulation_steps,
            }
            raise _odd("effective_batch", context)
        given, explained = set(settings.given()), set(self.provenance)
        if given != explained:
            raise _odd("provenance", {"missing": sorted(given - explained), "unknown": sorted(explained - given)})
        if (self.status == "refuted") != (self.refuted is not None):
            raise _odd("refuted", {})


def _odd(kind: str, context: Mapping[str, Any]) -> Exception:
    """Make the error that pydantic reports with its place; `store.messages` has the words."""
    from pydantic_core import PydanticCustomError

    return PydanticCustomError(kind, "does not hold", dict(context))
