"""The network of a recipe: an encoder with a head per task, or a causal language model.

Nothing is placed on a device and nothing runs here.
Under `torch.device("meta")` the same call builds a network without storage, to count or to trace.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForTokenClassification

from recipe_kb.dialects.training_arguments import model_attributes
from recipe_kb.resolve.rules import NUM_LABELS
from recipe_kb.schema import reasons
from recipe_kb.schema.base import Method
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Settings
from recipe_kb.training.adapters import add_lora, base_dtype
from recipe_kb.training.four_bit import quantize
from recipe_kb.training.multi_task import MultiTaskEncoder
from recipe_kb.training.unsupported import UnsupportedError

_SIZES = ("model_type", "hidden_size", "num_hidden_layers", "intermediate_size")
"""What decides memory and time of a model; vocabularies of one model differ between releases."""
SEED = 42
"""Seed of random weights, data and dropout: `TrainingArguments`' own default."""


def build_network(
    model: Model, settings: Settings, *, tasks: int, method: Method = "full", weights: Path | None = None
) -> nn.Module:
    """Build what the recipe trains, on the CPU or on the device of the surrounding `with torch.device(...)`.

    Args:
        model: Config values of the network.
        settings: Attention kernel, precision (it decides the dtype of frozen weights) and LoRA sizes.
        tasks: Number of heads of an encoder; a decoder has one head however many tasks it learns.
        method: What is trained: all weights, or LoRA adapters on frozen ones, which `qlora` packs into 4 bits when
            the network moves to the GPU.
        weights: Local folder with `config.json` and safetensors, whose config then wins; None for seeded random
            weights.

    Returns:
        The network, with the attributes set that `Trainer` needs for exact gradient accumulation.

    Raises:
        UnsupportedError: The method or the attention kernel cannot be built here.
    """
    if method == "qlora" and find_spec("bitsandbytes") is None:
        raise UnsupportedError(reasons.NO_QLORA)
    if weights is not None:
        _refuse_other_model(model, weights)
    dtype = base_dtype(settings.precision, method)
    torch.manual_seed(SEED)
    try:
        if model.family == "decoder":
            network = _causal_lm(model, weights, attn_implementation=settings.attn_implementation, dtype=dtype)
        else:
            network = _encoder(model, tasks, weights, attn_implementation=settings.attn_implementation, dtype=dtype)
    except (ImportError, ValueError) as error:  # how transformers refuses an attention kernel
        raise UnsupportedError(f"{reasons.NOT_BUILT}: {error}") from error
    for name, value in model_attributes(model).items():
        setattr(network, name, value)
    if method == "qlora":
        quantize(network.encoder if isinstance(network, MultiTaskEncoder) else network, dtype)
    return network if method == "full" else add_lora(network, settings)


def _refuse_other_model(model: Model, weights: Path) -> None:
    """Evidence is about the recipe's model: weights of another size would measure something else."""
    expected = AutoConfig.for_model(**model.config).get_text_config()
    found = AutoConfig.from_pretrained(weights).get_text_config()
    for name in _SIZES:
        if getattr(found, name, None) != getattr(expected, name, None):
            difference = {"name": name, "found": getattr(found, name, None), "expected": getattr(expected, name, None)}
            raise UnsupportedError(reasons.OTHER_WEIGHTS.format(weights=weights.name, **difference))


def _encoder(model: Model, tasks: int, weights: Path | None, **build: Any) -> nn.Module:
    if weights is None:
        config = AutoConfig.for_model(**model.config, num_labels=NUM_LABELS)
        classifier = AutoModelForTokenClassification.from_config(config, **build)
    else:
        classifier = AutoModelForTokenClassification.from_pretrained(weights, num_labels=NUM_LABELS, **build)
    if tasks == 1:
        return classifier
    # The token classifier's own encoder, because that is built without the pooler, which no task here would train.
    return MultiTaskEncoder(classifier.base_model, num_tasks=tasks, num_labels=NUM_LABELS)


def _causal_lm(model: Model, weights: Path | None, **build: Any) -> nn.Module:
    config = AutoConfig.for_model(**model.config) if weights is None else AutoConfig.from_pretrained(weights)
    text_config = config.get_text_config()
    if weights is None:
        # A multimodal network is fine-tuned on text through its language part alone.
        return AutoModelForCausalLM.from_config(text_config, **build)
    if text_config is not config:
        raise UnsupportedError(reasons.MULTIMODAL.format(weights=weights))
    return AutoModelForCausalLM.from_pretrained(weights, **build)
