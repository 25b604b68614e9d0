"""kb/recipes/GPU/MODEL/TASKSt-LENGTH-METHOD[-GOAL].yaml: one answer; its id is its path."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from recipe_kb.schema.base import Goal, Method, Origin, Precision, Record, Slug, Status, TaskMixing, Text

MAX_TASKS = 64
_CELL = re.compile(
    r"(?P<low>\d+)(?:-(?P<high>\d+))?t-(?P<length>\d+)-(?P<method>full|lora|qlora)(?:-(?P<goal>quality|balanced|speed))?"
)


@dataclass(frozen=True, kw_only=True)
class RecipeKey:
    """The cell that a recipe answers: GPU x model x task count x length x method x goal."""

    gpu: str
    model: str
    tasks: tuple[int, int]
    max_length: int
    method: Method = "full"
    goal: Goal = "balanced"

    @classmethod
    def parse(cls, recipe_id: str) -> Self | None:
        """Read `t4/biobert/2-3t-512-full`; None if it is no recipe id."""
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
        )

    def __str__(self) -> str:
        """Write the id; a balanced goal is not spelled out."""
        low, high = self.tasks
        tasks = f"{low}t" if low == high else f"{low}-{high}t"
        goal = "" if self.goal == "balanced" else f"-{self.goal}"
        return f"{self.gpu}/{self.model}/{tasks}-{self.max_length}-{self.method}{goal}"


PositiveInt = Annotated[int, Field(gt=0, strict=True)]


class Settings(Record):
    """The arguments of one training run, in transformers' own names where it has one.

    `tf32`, `attn_implementation` and the `lora_*` values are None where they do not apply.
    `warmup_ratio` is a fraction of all optimizer steps.
    """

    per_device_train_batch_size: PositiveInt
    per_device_eval_batch_size: PositiveInt
    gradient_accumulation_steps: PositiveInt
    learning_rate: float = Field(gt=0, lt=1)
    lr_scheduler_type: str
    warmup_ratio: float = Field(ge=0, lt=1)
    num_train_epochs: PositiveInt
    optim: str
    weight_decay: float = Field(ge=0)
    adam_beta1: float = Field(gt=0, lt=1)
    adam_beta2: float = Field(gt=0, lt=1)
    adam_epsilon: float = Field(gt=0)
    max_grad_norm: float = Field(ge=0)
    precision: Precision
    tf32: bool
    gradient_checkpointing: bool
    attn_implementation: str
    dataloader_num_workers: int = Field(ge=0)
    dataloader_prefetch_factor: PositiveInt | None
    dataloader_pin_memory: bool
    dataloader_persistent_workers: bool
    lora_r: PositiveInt | None = None
    lora_alpha: PositiveInt | None = None
    lora_dropout: float | None = Field(default=None, ge=0, lt=1)

    def given(self) -> dict[str, Any]:
        """Return the settings that apply, in the order of the schema."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


class Provenance(Record):
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

    @model_validator(mode="after")
    def _one_reference(self) -> Self:
        given = [name for name in PROVENANCE_KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise PydanticCustomError("one_reference", "needs exactly one of the references", {"given": given})
        return self


PROVENANCE_KINDS = ("claim", "rule", "source", "gpu", "model", "evidence", "assumption")


class Rung(Record):
    """One step of a ladder: the settings to change, and why it helps.

    `max_length` may change too, though it is part of the key: the recipe's data are then truncated.
    """

    set: dict[str, int | float | bool | str] = Field(min_length=1)
    why: Slug


class Ladder(Record):
    """What to do, in this order, when memory runs out and when training is slow."""

    out_of_memory: tuple[Rung, ...]
    slow: tuple[Rung, ...]


class Correction(Record):
    """A value of the guide that was not taken over, and the claim whose verdict says why."""

    setting: str
    guide_value: int | float | bool | str
    claim: str


class Refutation(Record):
    """Why the recipe cannot hold, and the recipes that work instead."""

    reason: Text
    instead: tuple[str, ...] = Field(min_length=1)


class Recipe(Record):
    """One answer. Its key is its path and stands nowhere else."""

    origin: Origin
    status: Status
    task_mixing: TaskMixing | None
    effective_batch_size: PositiveInt
    settings: Settings
    provenance: dict[str, Provenance]
    corrections: tuple[Correction, ...] = ()
    assumptions: tuple[Text, ...] = ()
    ladder: Ladder
    refuted: Refutation | None = None
    notes: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _arithmetic_holds(self) -> Self:
        settings = self.settings
        product = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
        if product != self.effective_batch_size:
            raise PydanticCustomError(
                "effective_batch",
                "effective_batch_size is not the product",
                {
                    "got": self.effective_batch_size,
                    "product": product,
                    "batch": settings.per_device_train_batch_size,
                    "accumulation": settings.gradient_accumulation_steps,
                },
            )
        return self

    @model_validator(mode="after")
    def _every_setting_has_provenance(self) -> Self:
        given, explained = set(self.settings.given()), set(self.provenance)
        if given != explained:
            raise PydanticCustomError(
                "provenance",
                "provenance and settings differ",
                {"missing": sorted(given - explained), "unknown": sorted(explained - given)},
            )
        return self

    @model_validator(mode="after")
    def _refuted_says_why(self) -> Self:
        if (self.status == "refuted") != (self.refuted is not None):
            raise PydanticCustomError("refuted", "status and refuted differ", {})
        return self
