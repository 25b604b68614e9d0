"""Peak memory from documented figures: a rough prediction for cells whose step was not traced.

Legend: B = rows alive at once, L = length in tokens, H = hidden size, F = intermediate size, V = vocabulary.
All results in bytes. Constants: kb/rules/memory-estimate.yaml.
"""

from collections.abc import Mapping

from recipe_kb.resolve.rules import NUM_LABELS, rows_per_micro_batch
from recipe_kb.schema.base import Parallel
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import RecipeKey, Settings

Constants = Mapping[str, float]
_STATE_OF = {
    "adamw_bnb_8bit": "adam_8bit_state_bytes",
    "paged_adamw_8bit": "adam_8bit_state_bytes",
    "adafactor": "no_state_bytes",
    "sgd": "no_state_bytes",
}
"""Optimizer -> the constant of its state per parameter, where it is not Adam's."""


def estimated_parts(
    key: RecipeKey,
    settings: Settings,
    mixing: str | None,
    model: Model,
    constants: Constants,
    parallel: Parallel = "ddp",
) -> dict[str, int]:
    """Predict the peak of one optimizer step; where the key is for several GPUs, of one of them.

    Args:
        key: Task count, length and method.
        settings: Batch, precision, optimizer, checkpointing, attention.
        mixing: `interleaved`, `joint`, or None for one task.
        model: The model's shape and parameter count.
        constants: Of the rule `memory-estimate`.
        parallel: How several GPUs share the work.

    Returns:
        What lives at the peak; it sums to what the caching allocator is expected to hold.
    """
    rows = rows_per_micro_batch(settings.per_device_train_batch_size, key.tasks[1], mixing)
    parts = _static_parts(key, settings, model, constants)
    if key.num_gpus > 1:
        parts |= _shared_parts(parts, key.num_gpus, parallel)
    activations, logits = _activation_parts(rows, key.max_length, settings, model, constants)
    parts |= {"activations": activations, "logits": logits}
    dynamic = activations + logits + parts["gradients"]
    parts["allocator"] = int(dynamic * (constants["overhead_factor"] - 1))
    return {name: size for name, size in parts.items() if size}


def adapter_parameters(model: Model, rank: int) -> int:
    """Count the LoRA parameters of rank r on all linear layers of all blocks."""
    shape = model.shape
    heads = shape.num_heads * shape.head_dim
    kv_heads = shape.num_kv_heads * shape.head_dim
    attention = [(shape.hidden_size, heads), (shape.hidden_size, kv_heads), (shape.hidden_size, kv_heads)]
    linear = [*attention, (heads, shape.hidden_size)]
    linear += [(shape.hidden_size, shape.intermediate_size)] * (3 if shape.gated_mlp else 2)
    return shape.num_layers * rank * sum(fan_in + fan_out for fan_in, fan_out in linear)


def _static_parts(key: RecipeKey, settings: Settings, model: Model, constants: Constants) -> dict[str, int]:
    """Return what lives through the whole step: weights, gradients, optimizer state, autocast copies."""
    base = model.parameters.trained + NUM_LABELS * model.shape.hidden_size * key.tasks[1] * (model.family == "encoder")
    state = constants[_STATE_OF.get(settings.optim, "adam_state_bytes")]
    if key.method == "full":
        trained, frozen = base, 0.0
    else:
        trained = adapter_parameters(model, settings.lora_r or 1)
        four_bit = key.method == "qlora"
        linear_bytes = constants["weight_bytes_4bit" if four_bit else "weight_bytes_half"]
        embeddings = model.parameters.embeddings
        frozen = (base - embeddings) * linear_bytes + embeddings * constants["weight_bytes_half"]
    autocast = 0.0 if settings.precision == "fp32" else trained * constants["autocast_weight_bytes"]
    return {
        "weights": int(trained * constants["weight_bytes_fp32"] + frozen),
        "gradients": int(trained * constants["gradient_bytes"]),
        "optimizer": int(trained * state),
        "autocast": int(autocast),
    }


def _shared_parts(parts: Mapping[str, int], num_gpus: int, parallel: Parallel) -> dict[str, int]:
    """Return what several GPUs change: DDP adds buckets as large as the gradients, FSDP leaves each its share.

    What FSDP gathers at once is smaller than the copies of autocast, which stay counted for it.
    """
    if parallel == "ddp":
        return {"exchange": parts["gradients"]}
    return {name: -(-parts[name] // num_gpus) for name in ("weights", "gradients", "optimizer")}


def _activation_parts(
    rows: int, length: int, settings: Settings, model: Model, constants: Constants
) -> tuple[int, int]:
    """Return bytes of saved activations and of logits for `rows` sequences of `length` tokens."""
    suffix = "fp32" if settings.precision == "fp32" else "amp"
    shape = model.shape
    mlp = constants[f"intermediate_bytes_{suffix}"] * shape.intermediate_size * (2 if shape.gated_mlp else 1)
    per_layer = constants[f"hidden_bytes_{suffix}"] * shape.hidden_size + mlp
    if settings.attn_implementation == "eager":
        matrices = 3 if model.config.get("relative_attention") else 1  # content-content, and two with positions
        per_layer += matrices * constants[f"score_bytes_{suffix}"] * shape.num_heads * length
    if settings.gradient_checkpointing:
        kept = constants["checkpoint_bytes"] * shape.hidden_size * shape.num_layers + per_layer
    else:
        kept = per_layer * shape.num_layers
    vocabulary = shape.vocab_size if model.family == "decoder" else NUM_LABELS
    tokens = rows * length
    return int(tokens * kept), int(tokens * vocabulary * constants["logit_bytes"])
