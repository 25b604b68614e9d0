"""One side of a comparison, and the memory that is predicted for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recipe_kb.resolve.answer import Answer
from recipe_kb.resolve.memory import MemoryEstimate, memory_of
from recipe_kb.schema.recipe import RecipeKey, Settings
from recipe_kb.store.store import Store
from recipe_kb.store.strict import OddError, accept

CELL = ("gpu", "model", "tasks", "max_length", "method", "goal")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two.

    Attributes:
        name: As it was asked for.
        cell: GPU, model, tasks, length, method, goal, as far as it says.
        settings: What it says, by our names; others by transformers'.
        base: A recipe for everything that it does not say; None where the cell is not known well enough.
        is_recipe: It is a recipe and says everything.
    """

    name: str
    cell: Mapping[str, Any]
    settings: Mapping[str, Any]
    base: Answer | None = None
    is_recipe: bool = False


def side_of(answer: Answer) -> Side:
    """Make a side of a recipe."""
    key = answer.key
    cell = {name: _plain(getattr(key, name)) for name in CELL}
    settings = answer.recipe.settings.values() | {"num_gpus": answer.num_gpus}
    return Side(name=answer.recipe_id, cell=cell, settings=settings, base=answer, is_recipe=True)


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What a configuration is predicted to need, and how to ask for a change of it."""

    store: Store
    base: Answer
    key: RecipeKey
    settings: Settings
    estimate: MemoryEstimate = field(repr=False)

    @classmethod
    def of(cls, store: Store, side: Side, defaults: Mapping[str, Any]) -> "Predicted | None":
        """Predict a side, with what it does not say as in its recipe; None where there is none, or no batch."""
        base = side.base
        if base is None:
            return None
        if side.is_recipe:
            return cls(store=store, base=base, key=base.key, settings=base.recipe.settings, estimate=base.memory)
        if not are_counts([side.settings.get("per_device_train_batch_size")]):
            return None
        accumulation = {"gradient_accumulation_steps": defaults.get("gradient_accumulation_steps", 1)}
        settings = _accepted(base.recipe.settings, accumulation | dict(side.settings))
        estimate = memory_of(store, base.key, settings, base.recipe.task_mixing, base.gpu, base.model)
        return cls(store=store, base=base, key=base.key, settings=settings, estimate=estimate)

    def change(self, values: Mapping[str, Any], **key: Any) -> int | None:
        """Return what a change adds to the peak; None where it has none, or is predicted by another method."""
        fields = self.settings.values()
        if not key and not values.keys() <= fields.keys():
            return None
        settings = _accepted(self.settings, values)
        if not key and settings == self.settings and any(fields[name] != value for name, value in values.items()):
            return None
        base = self.base
        changed = memory_of(
            self.store, replace(self.key, **key), settings, base.recipe.task_mixing, base.gpu, base.model
        )
        if changed.method != self.estimate.method:
            return None
        return changed.peak_reserved_bytes - self.estimate.peak_reserved_bytes


def are_counts(values: Iterable[Any]) -> bool:
    """Say whether all are whole numbers above 0."""
    return all(isinstance(value, int) and not isinstance(value, bool) and value > 0 for value in values)


def _accepted(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """Change what can be changed; a value that no recipe may have leaves the setting as it is."""
    for name, value in values.items():
        if name not in settings.values():
            continue
        try:
            settings = accept(Settings, settings.values() | {name: value})
        except OddError:
            continue
    return settings


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        low, high = value
        return low if low == high else f"{low}-{high}"
    return value
