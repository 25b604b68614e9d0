"""Which configurations are run: one axis at a time around a few bases, then some drawn at random.

They stay within 80 GiB and mostly within 16; where a card has less, running out of memory is the result.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from memory_grid.configuration import Configuration
from recipe_kb.schema.recipe import Settings

Changes = Mapping[str, Any]

NUM_STEPS = 4
"""Optimizer steps of each run: two reach the lasting state, and the fp16 gradient scaler may skip the first ones."""

NUM_EVAL_BATCHES = 2
"""The second batch meets what is left of the first."""

LORA: Changes = {"method": "lora", "lora_r": 8, "lora_alpha": 16, "lora_dropout": 0.05}
EIGHT_TASKS: Changes = {"tasks": 8}
EIGHT_TASKS_JOINT: Changes = {"tasks": 8, "mixing": "joint"}
CHECKPOINTING: Changes = {"gradient_checkpointing": True}
PADDED: Changes = {"padding": True}
FP32_EAGER_PADDED: Changes = {"precision": "fp32", "attn_implementation": "eager", "padding": True}

BERT = Configuration(
    model="bert-base-uncased",
    tasks=1,
    mixing="interleaved",
    method="full",
    max_length=128,
    padding=False,
    run="train",
    num_steps=NUM_STEPS,
    num_eval_batches=NUM_EVAL_BATCHES,
    settings=Settings(
        per_device_train_batch_size=16,
        per_device_eval_batch_size=32,
        gradient_accumulation_steps=1,
        learning_rate=3e-5,
        lr_scheduler_type="linear",
        warmup_ratio=0.0,
        num_train_epochs=3,
        optim="adamw_torch_fused",
        weight_decay=0.01,
        adam_beta1=0.9,
        adam_beta2=0.999,
        adam_epsilon=1e-8,
        max_grad_norm=1.0,
        precision="bf16",
        tf32=False,
        gradient_checkpointing=False,
        attn_implementation="sdpa",
        dataloader_num_workers=0,
        dataloader_prefetch_factor=None,
        dataloader_pin_memory=True,
        dataloader_persistent_workers=False,
    ),
)
BIOBERT = BERT.vary(
    {
        "model": "biobert",
        "max_length": 512,
        "precision": "fp16",
        "per_device_train_batch_size": 8,
        "per_device_eval_batch_size": 16,
        "gradient_accumulation_steps": 4,
        **EIGHT_TASKS,
    }
)
DECODER = BERT.vary({"max_length": 256, "per_device_train_batch_size": 4, "per_device_eval_batch_size": 4})

BERT_CHANGES: Sequence[Changes] = (
    {},
    {"precision": "fp32"},
    {"precision": "fp16"},
    {"attn_implementation": "eager"},
    PADDED,
    CHECKPOINTING,
    {"optim": "adamw_torch"},
    {"optim": "adamw_bnb_8bit"},
    {"optim": "adafactor"},
    LORA,
    {"gradient_accumulation_steps": 4},
    EIGHT_TASKS,
    EIGHT_TASKS_JOINT,
    {"max_length": 64},
    {"max_length": 256},
    {"max_length": 384},
    {"max_length": 512},
    {"per_device_train_batch_size": 1},
    {"per_device_train_batch_size": 3},
    {"per_device_train_batch_size": 7},
    {"per_device_train_batch_size": 33},
    {"per_device_train_batch_size": 64},
    {"per_device_eval_batch_size": 256},  # more than training takes: the evaluation is the peak
    {"run": "evaluate"},
)
BIOBERT_CHANGES: Sequence[Changes] = (
    {},
    {"precision": "fp32"},
    {"precision": "bf16", "padding": True},
    {"attn_implementation": "eager"},
    PADDED,
    CHECKPOINTING,
    {"optim": "adamw_torch"},
    LORA,
    {"mixing": "joint", "per_device_train_batch_size": 1},
    {"per_device_train_batch_size": 5},
)
ENCODER_CHANGES: Mapping[str, Sequence[Changes]] = {
    "distilbert-base-uncased": ({}, FP32_EAGER_PADDED),
    "roberta-base": ({}, FP32_EAGER_PADDED),
    "phobert-base": ({"max_length": 256}, {"precision": "fp16", **CHECKPOINTING, **PADDED}),
    "roberta-large": ({"per_device_train_batch_size": 8}, {"max_length": 512, **CHECKPOINTING, **PADDED}),
    "xlm-roberta-base": ({}, {"optim": "adafactor", "precision": "fp32"}),
    "deberta-v3-base": (
        {"attn_implementation": "eager"},
        {"attn_implementation": "eager", "max_length": 512, "per_device_train_batch_size": 3, **PADDED},
    ),
    "modernbert-base": ({}, {"max_length": 512, "per_device_train_batch_size": 8, **PADDED}, FP32_EAGER_PADDED),
    "all-minilm-l6-v2": ({}, {"per_device_train_batch_size": 128, **EIGHT_TASKS}),
}
DECODER_CHANGES: Mapping[str, Sequence[Changes]] = {
    "gpt2": ({}, FP32_EAGER_PADDED),
    "qwen2.5-0.5b": ({}, LORA, PADDED, CHECKPOINTING, {"optim": "adafactor", "gradient_accumulation_steps": 4}),
    "qwen3-0.6b": ({}, {"precision": "fp16", "per_device_train_batch_size": 1, **LORA}),
    "llama-3.2-1b": ({"per_device_train_batch_size": 1}, {"max_length": 512, **LORA, **CHECKPOINTING}),
    "gemma-3-1b": ({"per_device_train_batch_size": 2, "optim": "adamw_bnb_8bit"}, {**LORA, **PADDED}),
}

NUM_DRAWN = 14
DRAW_SEED = 2018
MAX_ENCODER_TOKENS = 8192
"""Tokens of a drawn micro-batch, over all tasks if it is joint: keeps it within seconds and most cards."""
MAX_DECODER_TOKENS = 1024
DRAWN_AXES: Mapping[str, Sequence[Any]] = {
    "model": (*ENCODER_CHANGES, "bert-base-uncased", "biobert", "gpt2", "qwen2.5-0.5b"),
    "max_length": (64, 96, 128, 200, 256, 384, 512),
    "tasks": (1, 1, 8),
    "mixing": ("interleaved", "joint"),
    "method": ("full", "full", "lora"),
    "padding": (False, True),
    "per_device_train_batch_size": (1, 5, 8, 11, 16, 24, 37, 48),
    "per_device_eval_batch_size": (8, 32),
    "gradient_accumulation_steps": (1, 1, 4),
    "precision": ("fp32", "fp16", "bf16"),
    "optim": ("adamw_torch_fused", "adamw_torch", "adamw_bnb_8bit", "adafactor"),
    "gradient_checkpointing": (False, False, True),
    "attn_implementation": ("eager", "sdpa"),
}
DECODERS = frozenset(DECODER_CHANGES)
MAX_LENGTHS = {"phobert-base": 256}
"""Tokens a model can take where that is less than the axis has."""
EAGER_ONLY = frozenset({"deberta-v3-base"})


def configurations() -> tuple[Configuration, ...]:
    """Return the grid in the order in which it is run; ids are unique."""
    chosen = [BERT.vary(changes) for changes in BERT_CHANGES]
    chosen += [BIOBERT.vary(changes) for changes in BIOBERT_CHANGES]
    chosen += [BERT.vary({"model": model, **changes}) for model, all_ in ENCODER_CHANGES.items() for changes in all_]
    chosen += [DECODER.vary({"model": model, **changes}) for model, all_ in DECODER_CHANGES.items() for changes in all_]
    ids = {configuration.id for configuration in chosen}
    drawn = _drawn()
    while len(chosen) < len(ids) + NUM_DRAWN:
        candidate = next(drawn)
        if candidate.id not in {configuration.id for configuration in chosen}:
            chosen.append(candidate)
    return tuple(chosen)


def _drawn() -> Iterator[Configuration]:
    """Draw values of all axes until they can be trained together; the same sequence on every Python."""
    generator = random.Random(DRAW_SEED)  # noqa: S311 - no secret
    while True:
        # `random()` is the one method whose sequence Python promises to keep.
        changes = {name: values[int(generator.random() * len(values))] for name, values in DRAWN_AXES.items()}
        if changes["method"] == "lora":
            changes |= LORA
        if changes["model"] in EAGER_ONLY:
            changes["attn_implementation"] = "eager"
        if changes["tasks"] == 1 or changes["model"] in DECODERS:  # joint training needs several heads
            changes["mixing"] = "interleaved"
        if _is_small(changes) and changes["max_length"] <= MAX_LENGTHS.get(changes["model"], changes["max_length"]):
            yield BERT.vary(changes)


def _is_small(changes: Changes) -> bool:
    passes = changes["tasks"] if changes["mixing"] == "joint" else 1
    num_tokens = changes["per_device_train_batch_size"] * changes["max_length"] * passes
    return bool(num_tokens <= (MAX_DECODER_TOKENS if changes["model"] in DECODERS else MAX_ENCODER_TOKENS))
