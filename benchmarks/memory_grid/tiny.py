"""The same plumbing without a GPU: every network shrunk until a CPU trains it in a second. Proves no figure."""

from dataclasses import replace
from typing import Any

from memory_grid.configuration import Configuration
from recipe_kb.probe.cpu import fit_to_cpu
from recipe_kb.schema.model import Model

TINY_SIZES: dict[str, Any] = {
    "vocab_size": 2000,
    **dict.fromkeys(("hidden_size", "dim", "n_embd"), 32),
    **dict.fromkeys(("intermediate_size", "hidden_dim"), 64),
    **dict.fromkeys(("num_hidden_layers", "n_layers", "n_layer"), 2),
    **dict.fromkeys(("num_attention_heads", "n_heads", "n_head"), 2),
    "num_key_value_heads": 1,
    "head_dim": 16,
}
"""Sizes by the names that the architectures have for them."""


def tiny_model(model: Model) -> Model:
    """Shrink a network: same architecture and code path."""
    config = {name: TINY_SIZES.get(name, value) for name, value in model.config.items()}
    return replace(model, config=config | {"pad_token_id": 0})  # an architecture's own may be beyond the vocabulary


def fitted(configuration: Configuration) -> Configuration:
    """Change what a CPU cannot train, or not in a second."""
    joint_tasks = configuration.tasks if configuration.mixing == "joint" else 1
    settings, max_length, _ = fit_to_cpu(configuration.settings, configuration.max_length, joint_tasks=joint_tasks)
    return replace(configuration, settings=settings, max_length=max_length)
