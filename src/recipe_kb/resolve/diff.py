"""What differs between two configurations, and what each difference alone does to memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from recipe_kb.resolve.answer import Answer
from recipe_kb.resolve.effect import Effect, Moved
from recipe_kb.resolve.effects import effects_of
from recipe_kb.resolve.memory import MemoryEstimate
from recipe_kb.resolve.rules import effective_batch_size
from recipe_kb.resolve.side import CELL, Predicted, Side, are_counts, side_of
from recipe_kb.store.store import Store

_BATCH = ("per_device_train_batch_size", "gradient_accumulation_steps", "num_gpus")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference.

    `memory_bytes` is what it changes when it alone is made to A; None where that has no meaning, or where it is
    predicted by another method than the rest. `a` or `b` is None where that side does not say it; `default` is what
    transformers takes then, None where that is not known.
    """

    setting: str
    a: Any
    b: Any
    memory_bytes: int | None
    default: Any = None
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All differences, and what they do together.

    Attributes:
        changes: The cell first.
        same_as_default: Settings that one side alone says, and says as transformers has them anyway.
        only_in_recipe: Settings of the one recipe that the other side, which is none, leaves open.
        effective_batch_size: Of both; None where a side does not say its batch.
        memory: Of both; None where the cell is not known.
    """

    changes: tuple[Change, ...]
    same_as_default: tuple[str, ...]
    only_in_recipe: tuple[str, ...]
    effective_batch_size: tuple[int | None, int | None]
    memory: tuple[MemoryEstimate | None, MemoryEstimate | None]


def compare(store: Store, first: Answer, second: Answer) -> list[Change]:
    """Return the differences of two recipes, the cell first."""
    return list(compare_sides(store, side_of(first), side_of(second), {}).changes)


def compare_sides(store: Store, first: Side, second: Side, defaults: Mapping[str, Any]) -> Comparison:
    """Compare two configurations.

    Args:
        store: Rules, and the traced steps that memory is predicted from.
        first: A.
        second: B.
        defaults: Setting to what transformers takes where nobody says it.
    """
    sure = Predicted.of(store, first, defaults)
    changes = [
        Change(setting=name, a=first.cell[name], b=second.cell[name], memory_bytes=_cell_memory(sure, second, name))
        for name in CELL
        if name in first.cell and name in second.cell and first.cell[name] != second.cell[name]
    ]
    silent, left_open = [], []
    one_recipe = (
        [side.settings for side in (first, second) if side.is_recipe] if first.is_recipe != second.is_recipe else []
    )
    for name in dict.fromkeys((*first.settings, *second.settings)):
        a, b = first.settings.get(name), second.settings.get(name)
        if a == b:
            continue
        default = defaults.get(name)
        said = name in first.settings and name in second.settings
        if not said and any(name in settings for settings in one_recipe):
            left_open.append(name)
            continue
        if not said and name in defaults and default == (b if a is None else a):
            silent.append(name)
            continue
        memory = sure.change({name: default if b is None else b}) if sure else None
        default = None if said else default
        changes.append(Change(setting=name, a=a, b=b, memory_bytes=memory, default=default))
    sizes = _effective(first, defaults), _effective(second, defaults)
    moved = Moved(first=first.settings, second=second.settings, defaults=defaults, effective=sizes, gpu=_gpu(first))
    told = tuple(replace(change, effects=effects_of(store, moved, change)) for change in changes)
    other = Predicted.of(store, second, defaults)
    return Comparison(
        changes=told,
        same_as_default=tuple(silent),
        only_in_recipe=tuple(left_open),
        effective_batch_size=sizes,
        memory=(sure.estimate if sure else None, other.estimate if other else None),
    )


def _cell_memory(sure: Predicted | None, second: Side, name: str) -> int | None:
    if sure is None or name != "max_length":
        return None
    length = second.cell["max_length"]
    return sure.change({}, max_length=length) if length <= sure.base.model.max_length else None


def _effective(side: Side, defaults: Mapping[str, Any]) -> int | None:
    """Multiply batch, accumulation and cards; where the batch is not said, take what the side itself states."""
    stated = [side.settings.get(name, defaults.get(name, 1)) for name in _BATCH]
    if _BATCH[0] in side.settings and are_counts(stated):
        return effective_batch_size(*stated)
    written = side.settings.get("effective_batch_size")
    return written if are_counts([written]) else None


def _gpu(side: Side) -> str | None:
    return side.base.key.gpu if side.base and side.base.gpu else None
