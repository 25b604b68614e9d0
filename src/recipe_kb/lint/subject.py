"""A configuration as rules see it: values of the right type or None, the card, the model, the lines of the file."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from recipe_kb.errors import KbError
from recipe_kb.lint.asked import Asked
from recipe_kb.lint.finding import Edit
from recipe_kb.resolve.rules import effective_batch_size
from recipe_kb.schema.configuration import Configuration, Written
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.store.store import Store

_LARGEST = 10**9
"""Numbers beyond are no settings of a training run."""
_TRUE_TO_FALSE = {"True": "False", "true": "false", "TRUE": "FALSE", "1": "0", "yes": "no", "on": "off"}
TRAIN, EVALUATION, ACCUMULATION = (
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "gradient_accumulation_steps",
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One configuration and all that a rule may ask about it.

    Attributes:
        configuration: As it was written.
        store: The knowledge base: cards, models, rules.
        asked: What the caller said.
        others: The last configurations before it in the same file; none for the first.
        lines: Of the whole file, without their ends.
        kept: What several configurations ask for and takes time: predicted memory.
        own: The same of this configuration alone.
    """

    configuration: Configuration
    store: Store
    asked: Asked = field(default_factory=Asked)
    others: tuple[Configuration, ...] = ()
    lines: Sequence[str] = ()
    kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    own: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def written(self, name: str) -> Written | None:
        """Return a setting by our name; the last one counts."""
        return self.configuration.get(name)

    def number(self, name: str) -> float | None:
        """Return a setting that is a finite number, else None."""
        found = self.written(name)
        return as_number(found.value) if found else None

    def count(self, name: str) -> int | None:
        """Return a setting that is a whole number above zero, else None."""
        value = self.number(name)
        return int(value) if value is not None and value >= 1 and value == int(value) else None

    def flag(self, name: str) -> bool | None:
        """Return a setting that is true or false, else None."""
        found = self.written(name)
        return found.value if found and isinstance(found.value, bool) else None

    def word(self, name: str) -> str | None:
        """Return a setting that is text, in lower case, else None."""
        found = self.written(name)
        return found.value.strip().lower() if found and isinstance(found.value, str) else None

    @property
    def batch(self) -> int | None:
        """Rows of a micro-batch on one card."""
        return self.count(TRAIN)

    @property
    def accumulation(self) -> int | None:
        """Micro-batches of a step; 1 where nothing is written, None where it is no number."""
        return self.count(ACCUMULATION) if self.written(ACCUMULATION) else 1

    @property
    def num_gpus(self) -> int:
        """How many cards share the batch; one where nothing says otherwise."""
        return self.asked.num_gpus or self.count("num_gpus") or self.configuration.context.num_gpus or 1

    @property
    def says_num_gpus(self) -> bool:
        """Whether anything says how many cards share the batch."""
        return bool(self.asked.num_gpus or self.count("num_gpus") or self.configuration.context.num_gpus)

    @property
    def effective(self) -> int | None:
        """Samples of one optimizer step; None where the batch is not known."""
        batch, accumulation = self.batch, self.accumulation
        return effective_batch_size(batch, accumulation, self.num_gpus) if batch and accumulation else None

    @property
    def tasks(self) -> int | None:
        """How many training tasks; None where nothing says it."""
        return self.asked.tasks or self.count("tasks") or self.configuration.context.tasks

    @property
    def max_length(self) -> int | None:
        """Tokens per sample; None where nothing says it."""
        return self.asked.max_length or self.count("max_length") or self.configuration.context.max_length

    @property
    def num_samples(self) -> int | None:
        """Samples of the training data; None where nothing says it."""
        return self.count("num_train_samples") or self.configuration.context.num_samples

    @property
    def gpu_id(self) -> str | None:
        """The card."""
        return self.asked.gpu or self.configuration.context.gpu

    @property
    def model_id(self) -> str | None:
        """The network."""
        return self.asked.model or self.configuration.context.model

    @cached_property
    def gpu(self) -> Gpu | None:
        """Facts of the card; None where it is not known, only by its size, or cannot be read: `kb check` says why."""
        try:
            return self.store.gpu(self.gpu_id) if self.gpu_id in self._ids(Store.gpu_ids) else None
        except KbError:
            return None

    @cached_property
    def model(self) -> Model | None:
        """Facts of the network; None where it is not known or cannot be read."""
        try:
            return self.store.model(self.model_id) if self.model_id in self._ids(Store.model_ids) else None
        except KbError:
            return None

    def _ids(self, read: Callable[[Store], list[str]]) -> frozenset[str]:
        if read not in self.kept:
            self.kept[read] = frozenset(read(self.store))
        found: frozenset[str] = self.kept[read]
        return found

    @property
    def precisions(self) -> tuple[Written, ...]:
        """Every place that turns on a precision."""
        return tuple(
            setting
            for setting in self.configuration.settings
            if setting.name == "precision" and setting.value in ("fp16", "bf16", "fp32", "fp8")
        )

    @property
    def precision(self) -> str | None:
        """What it computes in; None where nothing says it."""
        found = self.precisions
        return str(found[-1].value) if found else None

    @property
    def method(self) -> str:
        """full, lora or qlora; full where nothing speaks of adapters."""
        said = self.word("method") or self.configuration.context.method
        if said in {"full", "lora", "qlora"}:
            return said
        if self.number("quantization_bits") == 4:  # noqa: PLR2004 - 4-bit weights are what qlora is
            return "qlora"
        return "lora" if self.count("lora_r") else "full"

    @property
    def optimizer(self) -> str | None:
        """Name of the optimizer; None where nothing says it."""
        return self.word("optim")

    def constant(self, rule_id: str, name: str) -> float:
        """Return a constant of a rule of the knowledge base."""
        return self.store.rule(rule_id).constants[name]

    def line(self, number: int) -> str | None:
        """Return a line of the file, from 1; None outside of it."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else None

    def replaced(self, setting: Written, text: str) -> tuple[Edit, ...]:
        """Return the edit that writes another value in its place; none where it does not stand there alone."""
        line = self.line(setting.line)
        if setting.start is None or setting.end is None or line is None:
            return ()
        if line[setting.start : setting.end].strip("'\"") != setting.written_value or not setting.written_value:
            return ()
        quote = line[setting.start] if line[setting.start] in "'\"" else ""
        return (Edit(line=setting.line, start=setting.start, end=setting.end, text=f"{quote}{text}{quote}"),)

    def turned_off(self, setting: Written) -> tuple[Edit, ...]:
        """Return the edit that makes true false, in the spelling that stands there."""
        text = _TRUE_TO_FALSE.get(setting.written_value)
        return self.replaced(setting, text) if text else ()

    def renamed(self, setting: Written, name: str) -> tuple[Edit, ...]:
        """Return the edit that writes another name; none where the old one does not stand once before its value."""
        line, old = self.line(setting.line), setting.written_name.rpartition(".")[2]
        if setting.start is None or line is None or not old:
            return ()
        before = line[: setting.start]
        if before.count(old) != 1:
            return ()
        start = before.index(old)
        around = line[start - 1 : start] + line[start + len(old) : start + len(old) + 1]
        if any(char.isalnum() or char == "_" for char in around):
            return ()
        return (Edit(line=setting.line, start=start, end=start + len(old), text=name),)


def as_number(value: Any) -> float | None:
    """Return a finite number of a size that settings have; None for anything else, truth values included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= _LARGEST and math.isfinite(value) else None
