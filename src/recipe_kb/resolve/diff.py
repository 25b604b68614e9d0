"""What differs between two answers, and what each difference alone does to memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from recipe_kb.resolve.answer import Answer
from recipe_kb.resolve.estimate import estimate_settings
from recipe_kb.schema.recipe import Settings

_CELL = ("gpu", "model", "tasks", "max_length", "method", "goal")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference; `memory_bytes` is what it changes when it alone is made to A, None where that has no meaning."""

    setting: str
    a: Any
    b: Any
    memory_bytes: int | None


def compare(first: Answer, second: Answer, constants: Mapping[str, float]) -> list[Change]:
    """Return the differences of two recipes, the cell first."""
    changes = []
    for name in _CELL:
        a, b = getattr(first.key, name), getattr(second.key, name)
        if a != b:
            changes.append(
                Change(setting=name, a=_plain(a), b=_plain(b), memory_bytes=_of_cell(first, name, b, constants))
            )
    before, after = first.recipe.settings.values(), second.recipe.settings.values()
    for name, a in before.items():
        if a != after[name]:
            settings = replace(first.recipe.settings, **{name: after[name]})
            changes.append(Change(setting=name, a=a, b=after[name], memory_bytes=_memory(first, settings, constants)))
    return changes


def _memory(answer: Answer, settings: Settings, constants: Mapping[str, float]) -> int:
    limit, mixing = answer.memory.limit_bytes, answer.recipe.task_mixing
    changed = estimate_settings(answer.key, settings, mixing, answer.model, limit, constants)
    return changed.peak_reserved_bytes - answer.memory.peak_reserved_bytes


def _of_cell(answer: Answer, name: str, value: Any, constants: Mapping[str, float]) -> int | None:
    if name != "max_length":
        return None
    key = replace(answer.key, max_length=value)
    limit, mixing = answer.memory.limit_bytes, answer.recipe.task_mixing
    changed = estimate_settings(key, answer.recipe.settings, mixing, answer.model, limit, constants)
    return changed.peak_reserved_bytes - answer.memory.peak_reserved_bytes


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        low, high = value
        return low if low == high else f"{low}-{high}"
    return value
