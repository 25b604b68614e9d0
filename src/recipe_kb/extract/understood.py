"""An entry and what its name may mean -> a setting with its value, or why there is none."""

import re
from dataclasses import dataclass, replace
from typing import Any

from recipe_kb.extract.found import Entry
from recipe_kb.i18n import _
from recipe_kb.schema.configuration import NotUnderstood, Written
from recipe_kb.schema.spelling import Spelling, ValueKind

_MAX_SHOWN = 120
_DECIDED_ELSEWHERE = frozenset({"auto", "none", "null", "~", "default", "", "..."})
_SWITCHES = frozenset({"fp16", "bf16"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What one name may mean."""

    name: str
    kind: ValueKind | None
    spelling: Spelling | None
    weak: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Understood:
    """An entry with what it means.

    Attributes:
        entry: As it was found.
        written: The setting; None where it is none that we know, or has no value that we know.
        missed: Why there is no setting; None where there is one.
        name: Our name of it, where we know it.
        weak: It makes no configuration alone.
        flag: It is one of several switches for one setting, or is off: `fp16`, `bf16`, `load_in_8bit: false`.
    """

    entry: Entry
    written: Written | None
    missed: NotUnderstood | None
    name: str | None
    weak: bool
    flag: str | None = None


def replace_text(entry: Entry, text: str) -> Entry:
    """Return the entry with only the part of its text that is the value."""
    if text == entry.text:
        return entry
    return replace(entry, text=text)


def switch_of(entry: Entry, meaning: Meaning) -> str | None:
    """Return which of the switches of the precision an entry is; None for all else."""
    switch = entry.path.removesuffix(".enabled").rpartition(".")[2].replace("_", "").lower()
    return switch if meaning.name == "precision" and switch in _SWITCHES else None


def understood(
    entry: Entry, meaning: Meaning, value: Any, start: int | None, end: int | None, comment: str | None
) -> Understood:
    """Return a setting with a value that is known."""
    name, flag = meaning.name, switch_of(entry, meaning)
    if isinstance(value, str) and meaning.kind not in {None, "text"}:
        value = natural(value)
    if name == "warmup_steps":
        if isinstance(value, float) and value != int(value) and not 0 <= value < 1:
            return missed_as(entry, meaning, _("no value of the kind that it takes"))
        name, value = ("warmup_ratio", value) if isinstance(value, float) and 0 < value < 1 else (name, int(value))
    if name == "num_train_epochs" and isinstance(value, float) and value == int(value):
        value = int(value)
    if name in _FLOATS and isinstance(value, int):
        value = float(value)
    written = Written(
        name=name,
        value=value,
        written_name=entry.written,
        written_value=entry.text[:_MAX_SHOWN],
        line=entry.line,
        start=start,
        end=end,
        comment=comment,
    )
    return Understood(entry=entry, written=written, missed=None, name=name, weak=meaning.weak, flag=flag)


_FLOATS = frozenset(
    {
        "learning_rate",
        "warmup_ratio",
        "weight_decay",
        "adam_beta1",
        "adam_beta2",
        "adam_epsilon",
        "max_grad_norm",
        "lora_dropout",
    }
)
"""Fractions in `schema.recipe.Settings`; `0` and `1` are written for them too."""


def missed_as(entry: Entry, meaning: Meaning | None, why: str) -> Understood:
    """Return an entry without a value that is known."""
    shown = entry.text if len(entry.text) <= _MAX_SHOWN else entry.text[: _MAX_SHOWN - 1] + "…"
    missed = NotUnderstood(name=entry.written[:_MAX_SHOWN], text=shown, line=entry.line, why=why)
    name = meaning.name if meaning else None
    return Understood(entry=entry, written=None, missed=missed, name=name, weak=meaning.weak if meaning else True)


def decided_elsewhere(text: str) -> str | None:
    """Return why a value such as `auto` is none; None for all others."""
    if text.strip().lower() in _DECIDED_ELSEWHERE:
        return _("it leaves the value to something else")
    return None


def natural(text: str) -> Any:
    """Read a value whose kind nobody says: true and false, numbers, else words."""
    lowered = text.strip().lower()
    if lowered in {"true", "false"}:
        return lowered == "true"
    if lowered in {"none", "null", "~"}:
        return None
    if re.fullmatch(r"[-+]?\d{1,18}", lowered):
        return int(lowered)
    if re.fullmatch(r"[-+]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})(e[-+]?\d{1,3})?", lowered):
        return float(lowered)
    return text.strip()
