"""What a dialect writes: one recipe for one model, and what is known of its memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from recipe_kb.dialects import training_arguments
from recipe_kb.resolve.answer import Answer
from recipe_kb.resolve.memory import memory_of
from recipe_kb.schema.base import Parallel
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Recipe, RecipeKey, Settings
from recipe_kb.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One step of the ladder, on top of those before it, and the memory that is predicted for it.

    Attributes:
        changes: Setting to value; none for the recipe as it stands.
        needs_bytes: Peak that the allocator reserves, the margin, and what the process takes beside it.
    """

    changes: Mapping[str, Any]
    needs_bytes: int


@dataclass(frozen=True, kw_only=True)
class Job:
    """A recipe to write down.

    Attributes:
        recipe_id: Of the recipe, or of the cell that it was derived for.
        key: The cell.
        recipe: The answer.
        model: The network.
        num_gpus: Processes that share the effective batch.
        parallel: How they share the work; None for one.
        layer: Class of the layers that FSDP gathers one at a time; None where it is not known.
        gpu_name: As people call the card; the id where it is only a size.
        find_rungs: Predicts the ladder, which takes as long as all the rest.
    """

    recipe_id: str
    key: RecipeKey
    recipe: Recipe
    model: Model
    num_gpus: int = 1
    parallel: Parallel | None = None
    layer: str | None = None
    gpu_name: str = ""
    find_rungs: Callable[[], tuple[Rung, ...]] = field(default=tuple, repr=False, compare=False)

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """Make a job without a ladder, which only a notebook needs."""
        return cls(
            recipe_id=answer.recipe_id,
            key=answer.key,
            recipe=answer.recipe,
            model=answer.model,
            num_gpus=answer.num_gpus,
            parallel=answer.parallel,
            layer=answer.layer,
            gpu_name=answer.gpu.name if answer.gpu else answer.key.gpu,
        )

    @property
    def settings(self) -> Settings:
        """The recipe's settings."""
        return self.recipe.settings

    @property
    def tasks(self) -> int:
        """How many training tasks; the most of a range."""
        return self.key.tasks[1]

    @property
    def is_encoder(self) -> bool:
        """Whether it is trained through token classification heads, one a task."""
        return self.model.family == "encoder"

    @property
    def training_arguments(self) -> dict[str, object]:
        """The settings as `transformers.TrainingArguments` spells them, for as many processes as there are GPUs."""
        return training_arguments.write(
            self.settings,
            num_gpus=self.num_gpus,
            parallel=self.parallel or "ddp",
            layer=self.layer,
            interleaved_heads=self.leaves_heads_unused,
        )

    @property
    def is_sharded(self) -> bool:
        """Whether each GPU keeps only a share of the network."""
        return self.num_gpus > 1 and self.parallel == "fsdp"

    @property
    def leaves_heads_unused(self) -> bool:
        """Whether a micro-step goes through one of several heads, and leaves the others without a gradient."""
        return self.is_encoder and self.tasks > 1 and self.recipe.task_mixing == "interleaved"

    @cached_property
    def rungs(self) -> tuple[Rung, ...]:
        """The recipe as it stands, then each rung of its ladder for when memory runs out."""
        return self.find_rungs()


def job_of(store: Store, answer: Answer) -> Job:
    """Make what the dialects write of an answer, with its ladder."""
    return replace(Job.of(answer), find_rungs=lambda: _rungs(store, answer))


def _rungs(store: Store, answer: Answer) -> tuple[Rung, ...]:
    """Predict the ladder; a rung that needs no less memory than the one before stays, for it may help another way."""
    recipe, changed, found = answer.recipe, dict[str, Any](), []
    for changes in ({}, *(rung.set for rung in recipe.ladder.out_of_memory)):
        changed |= changes
        settings = {name: value for name, value in changed.items() if name != "max_length"}
        memory = memory_of(
            store,
            replace(answer.key, max_length=changed.get("max_length", answer.key.max_length)),
            replace(recipe.settings, **settings),
            recipe.task_mixing,
            answer.gpu,
            answer.model,
            answer.parallel or "ddp",
        )
        # The share of the card that the estimate leaves free belongs to the card; what a run needs is the peak over it.
        margin = memory.limit_bytes / memory.usable_bytes
        needs = round(memory.peak_reserved_bytes * margin) + memory.context_bytes
        found.append(Rung(changes=dict(changed), needs_bytes=needs))
    return tuple(found)
