"""One training run whose memory is measured, and what follows from it alone: its id and its half of the grid."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

from recipe_kb.schema.base import Method, TaskMixing
from recipe_kb.schema.recipe import Settings

Run = Literal["train", "evaluate"]
"""`train` ends with an evaluation, as a user's run does; `evaluate` is an evaluation of a network never trained."""

_OPTIM_WORDS = {
    "adamw_torch_fused": "fused",
    "adamw_torch": "foreach",  # what torch chooses on a GPU when it is told neither
    "adamw_bnb_8bit": "bnb8",
    "adafactor": "adafactor",
}
_SETTINGS = frozenset(field.name for field in fields(Settings))


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What is run.

    `max_length` is in tokens, and every row has that length; with `padding` the last row of each micro-batch ends
    in padding, so that the attention mask is not dropped.
    `num_steps` are optimizer steps, `num_eval_batches` batches of `per_device_eval_batch_size` rows.
    """

    model: str
    tasks: int
    mixing: TaskMixing
    method: Method
    max_length: int
    padding: bool
    run: Run
    num_steps: int
    num_eval_batches: int
    settings: Settings

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**{**values, "settings": Settings(**values["settings"])})

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, settings that do not apply as None."""
        return {**vars(self), "settings": self.settings.values()}

    def vary(self, changes: Mapping[str, Any]) -> Self:
        """Return a copy with other values; names of `Settings` go there."""
        inner = {name: value for name, value in changes.items() if name in _SETTINGS}
        outer = {name: value for name, value in changes.items() if name not in _SETTINGS}
        return replace(self, **outer, settings=replace(self.settings, **inner))

    @property
    def id(self) -> str:
        """Name it readably: `biobert_8t-512-full_b8x4-e16_fp16-sdpa-fused`."""
        settings = self.settings
        tasks = f"{self.tasks}t" + ("-joint" if self.mixing == "joint" else "")
        method = f"lora{settings.lora_r}" if self.method == "lora" else self.method
        batch = f"b{settings.per_device_train_batch_size}x{settings.gradient_accumulation_steps}"
        words = [settings.precision, settings.attn_implementation, _OPTIM_WORDS[settings.optim]]
        words += ["gc"] if settings.gradient_checkpointing else []
        words += ["padded"] if self.padding else []
        parts = [self.model, f"{tasks}-{self.max_length}-{method}", f"{batch}-e{settings.per_device_eval_batch_size}"]
        parts += ["-".join(words)]
        return "_".join(parts + (["evaluate"] if self.run == "evaluate" else []))

    @property
    def held_out(self) -> bool:
        """Say whether this one is kept for scoring, not to be looked at while the predictor is being made.

        By a hash of the configuration alone: no result, order or other configuration can move it.
        Settings that do not apply are left out, so that one that is invented later moves nothing either.
        """
        values = {**vars(self), "settings": self.settings.given()}
        canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).digest()[0] % 2 == 1
