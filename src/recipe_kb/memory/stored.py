"""Shaped steps as text: what `kb/memory/MODEL.json` keeps of a trace, and back.

Layers repeat, so an event is written as how long ago its storage was allocated; then a step of thousands of events
packs into a few kilobytes.
"""

import base64
import json
import zlib
from dataclasses import dataclass, replace
from typing import Any

from recipe_kb.memory.shape import ShapedStep
from recipe_kb.memory.step import CATEGORIES, TRACED_PARTS, Step
from recipe_kb.schema.base import Attention, Method, Optimizer, Precision
from recipe_kb.schema.recipe import Settings


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One kind of step of a model; its name is its key in the file.

    `precision` is `bf16` for both half precisions where the attention kernel is fused.
    """

    method: Method
    precision: Precision
    attention: Attention
    checkpointing: bool

    @classmethod
    def of_settings(cls, settings: Settings, method: Method) -> "Cell":
        """Return the cell of a recipe."""
        fused = settings.attn_implementation != "eager"
        return cls(
            method=method,
            precision="bf16" if fused and settings.precision == "fp16" else settings.precision,
            attention=settings.attn_implementation,
            checkpointing=settings.gradient_checkpointing,
        )

    def settings(self, settings: Settings, optimizer: Optimizer) -> Settings:
        """Return settings with this cell's choices."""
        return replace(
            settings,
            precision=self.precision,
            attn_implementation=self.attention,
            gradient_checkpointing=self.checkpointing,
            optim=optimizer,
        )

    def __str__(self) -> str:
        """Write the key."""
        return f"{self.method}/{self.precision}/{self.attention}/{'checkpointing' if self.checkpointing else 'plain'}"


def pack(shaped: ShapedStep) -> str:
    """Write a shaped step as text of base64."""
    step = shaped.step
    allocated = 0
    parts = []
    for part in TRACED_PARTS:
        coded = []
        for event in step.parts.get(part, ()):
            coded.append(0 if event >= 0 else allocated - ~event)
            allocated += event >= 0
        parts.append(coded)
    record = {
        "parts": parts,
        "sizes": step.num_bytes,
        "categories": [CATEGORIES.index(category) for category in step.categories],
        "decided": [(storage, *kind) for storage, kind in step.decided.items()],
        "gradients": step.gradients,
        "terms": shaped.terms,
        "flops": (shaped.flops, shaped.evaluation_flops),
    }
    raw = json.dumps(record, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(raw, 9)).decode()


def unpack(text: str) -> ShapedStep:
    """Read what `pack` wrote."""
    record: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text)))
    allocated = 0
    parts = {}
    for part, coded in zip(TRACED_PARTS, record["parts"], strict=True):
        events = []
        for ago in coded:
            events.append(allocated if ago == 0 else ~(allocated - ago))
            allocated += ago == 0
        if events:
            parts[part] = tuple(events)
    step = Step(
        parts=parts,
        num_bytes=tuple(record["sizes"]),
        categories=tuple(CATEGORIES[number] for number in record["categories"]),
        decided={storage: tuple(kind) for storage, *kind in record["decided"]},
        gradients=tuple((position, storage) for position, storage in record["gradients"]),
        flops=0,
        evaluation_flops=0,
    )
    flops, evaluation_flops = (tuple(terms) for terms in record["flops"])
    return ShapedStep(
        step=step,
        terms=tuple(tuple(terms) for terms in record["terms"]),
        flops=flops,
        evaluation_flops=evaluation_flops,
    )
