"""What differs between two answers, and what each difference alone does to memory."""

from dataclasses import dataclass, replace
from typing import Any

from recipe_kb.resolve.answer import Answer
from recipe_kb.resolve.memory import memory_of
from recipe_kb.schema.recipe import RecipeKey, Settings
from recipe_kb.store.store import Store

_CELL = ("gpu", "model", "tasks", "max_length", "method", "goal")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference.

    `memory_bytes` is what it changes when it alone is made to A; None where that has no meaning, or where it is
    predicted by another method than the rest.
    """

    setting: str
    a: Any
    b: Any
    memory_bytes: int | None


def compare(store: Store, first: Answer, second: Answer) -> list[Change]:
    """Return the differences of two recipes, the cell first."""
    changes = []
    for name in _CELL:
        a, b = getattr(first.key, name), getattr(second.key, name)
        if a != b:
            memory = _memory(store, first, replace(first.key, max_length=b)) if name == "max_length" else None
            changes.append(Change(setting=name, a=_plain(a), b=_plain(b), memory_bytes=memory))
    before, after = first.recipe.settings.values(), second.recipe.settings.values()
    for name, a in before.items():
        if a != after[name]:
            settings = replace(first.recipe.settings, **{name: after[name]})
            memory = _memory(store, first, first.key, settings)
            changes.append(Change(setting=name, a=a, b=after[name], memory_bytes=memory))
    return changes


def _memory(store: Store, answer: Answer, key: RecipeKey, settings: Settings | None = None) -> int | None:
    changed = memory_of(
        store, key, settings or answer.recipe.settings, answer.recipe.task_mixing, answer.gpu, answer.model
    )
    if changed.method != answer.memory.method:
        return None
    return changed.peak_reserved_bytes - answer.memory.peak_reserved_bytes


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        low, high = value
        return low if low == high else f"{low}-{high}"
    return value
