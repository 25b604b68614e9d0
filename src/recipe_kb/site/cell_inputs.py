"""What the cells of a model on a card depend on, as hashes: figures and switches, not the words around them.

A better sentence, another alias or another source makes no cell stale, nor does a rule that no derivation reads.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from recipe_kb.memory.gpu import context_of
from recipe_kb.schema.base import Text
from recipe_kb.store.store import Store

RULES = ("eval-batch", "goal-batch", "lora-start", "memory-estimate", "warm-up")
"""Rules whose constants decide a cell; a test holds it against what a derivation reads."""
_OF_GPU = ("compute_capability", "memory", "sm_count", "supports")
_OF_MODEL = (
    "architecture",
    "config",
    "default_attention",
    "family",
    "fine_tuning",
    "max_length",
    "overflows_in_fp16",
    "parameters",
    "shape",
)
"""Fields that a derivation reads; another field, such as a name of the card elsewhere, makes nothing stale."""
_WORDS = {"note", "source", "sources"}
"""Fields inside those that say something to people and decide nothing."""


def model_hash(store: Store, model_id: str) -> str:
    """Return the hash of what the cells of a model depend on beside the GPU: itself, its traces, cuBLAS, the rules."""
    traces = store.root / "memory" / f"{model_id}.json"
    return _hash(
        figures({name: getattr(store.model(model_id), name) for name in _OF_MODEL}),
        hashlib.sha256(traces.read_bytes()).hexdigest() if traces.is_file() else None,
        figures(store.cuda().workspace),
        {rule_id: store.rule(rule_id).constants for rule_id in RULES},
    )


def gpu_hash(store: Store, gpu_id: str) -> str:
    """Return the hash of what cells of a GPU depend on beside the model: itself, and the context of a process on it."""
    gpu = store.gpu(gpu_id)
    deciding = {name: getattr(gpu, name) for name in _OF_GPU}
    return _hash(figures(deciding), figures(context_of(gpu_id, gpu, store.cuda())))


def figures(value: Any) -> Any:
    """Return a record as plain data without its words."""
    if hasattr(value, "__dataclass_fields__"):
        value = vars(value)
    if isinstance(value, Mapping):
        return {
            str(name): figures(part)
            for name, part in value.items()
            if name not in _WORDS and not isinstance(part, Text)
        }
    return [figures(part) for part in value] if isinstance(value, tuple | list) else value


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
