"""A knowledge base whose only traced model has a step that can be worked out by hand."""

import json
import shutil

from checkout import ROOT
from recipe_kb.memory.shape import constant, shaped
from recipe_kb.memory.step import Step
from recipe_kb.memory.stored import pack
from recipe_kb.store.store import Store
from recipe_kb.units import MIB

WEIGHTS = 512 * MIB
TOKEN = 262_144
"""Bytes of activations for each token."""
VERSIONS = {"torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.2"}


def step(rows, length, *, token_bytes=TOKEN, weights=WEIGHTS, state=2 * WEIGHTS):
    """Weights are placed; a batch makes activations, which turn into gradients; the optimizer keeps its state."""
    return Step(
        parts={
            "placement": (0,),
            "inputs": (1,),
            "forward": (2,),
            "backward": (3, ~2),
            "first_update": (4,),
            "zero_grad": (~3,),
        },
        num_bytes=(weights, 8 * rows * length, token_bytes * rows * length, weights, state),
        decided={},
        categories=("weights", "inputs", "activations", "gradients", "optimizer"),
        gradients=((1, 3),),
        flops=rows * length,
        evaluation_flops=0,
    )


def packed(**changes):
    return pack(shaped({shape: step(*shape, **changes) for shape in ((2, 128), (3, 128), (2, 256))}))


def packed_state(num_bytes):
    """An optimizer whose state takes this much."""
    update = step(2, 128, state=num_bytes).only("first_update", "update")
    return pack(constant(update))


def record(steps, updates=None, **changes):
    base = {"generated": "by a test", "versions": VERSIONS, "steps": steps, "updates": updates or {}, "not": {}}
    return base | changes


def knowledge_base(root, **models):
    """Copy the knowledge base and give it these files of traced steps and no other: model id to content.

    Without the recipes whose batches fit only by their traces.
    """
    target = root / "kb"
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(ROOT / "kb", target, ignore=shutil.ignore_patterns("evidence", "memory", "a100-40gb", "vram-*gb"))
    (target / "memory").mkdir()
    for model_id, content in models.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (target / "memory" / f"{model_id.replace('_', '-')}.json").write_text(text, encoding="utf-8")
    return Store(target)
