"""Networks and recipes small enough to train in a test."""

from dataclasses import fields, replace
from typing import Any

from recipe_kb.schema.base import TaskMixing
from recipe_kb.schema.model import FineTuning, Model, Parameters, Shape
from recipe_kb.schema.recipe import Ladder, Provenance, Recipe, Settings

SETTINGS = Settings(
    per_device_train_batch_size=4,
    per_device_eval_batch_size=8,
    gradient_accumulation_steps=1,
    learning_rate=3e-5,
    lr_scheduler_type="linear",
    warmup_ratio=0.1,
    num_train_epochs=3,
    optim="adamw_torch",
    weight_decay=0.01,
    adam_beta1=0.9,
    adam_beta2=0.999,
    adam_epsilon=1e-8,
    max_grad_norm=1.0,
    precision="fp32",
    tf32=False,
    gradient_checkpointing=False,
    attn_implementation="sdpa",
    dataloader_num_workers=0,
    dataloader_prefetch_factor=None,
    dataloader_pin_memory=False,
    dataloader_persistent_workers=False,
)

BERT = {
    "model_type": "bert",
    "vocab_size": 2000,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
QWEN2 = {
    "model_type": "qwen2",
    "vocab_size": 2000,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 128,
    "max_position_embeddings": 64,
}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def settings_with(**values: Any) -> Settings:
    return replace(SETTINGS, **values)


def recipe_with(task_mixing: TaskMixing | None = "interleaved", **values: Any) -> Recipe:
    settings = settings_with(**values)
    return Recipe(
        origin="derived",
        status="predicted",
        task_mixing=task_mixing,
        effective_batch_size=settings.per_device_train_batch_size * settings.gradient_accumulation_steps,
        settings=settings,
        provenance={name: Provenance(rule="effective-batch") for name in settings.given()},
        ladder=Ladder(out_of_memory=(), slow=()),
    )


def model_of(config: dict[str, Any], max_length: int = 64) -> Model:
    """Return a record whose only truth is the config: the published facts are not what is tested."""
    decoder = config["model_type"] in {"qwen2", "qwen3", "llama", "gemma3", "gemma3_text", "gpt2"}
    shape = Shape(**{field.name: 1 for field in fields(Shape)} | {"gated_mlp": False})
    return Model(
        hub_id="tests/tiny",
        aliases=(),
        architecture="Tiny",
        family="decoder" if decoder else "encoder",
        languages=("en",),
        shape=shape,
        max_length=max_length,
        config=config,
        default_attention="sdpa",
        licence="Apache-2.0",
        gated=False,
        published_parameters="tiny",
        parameters=Parameters(base=1, embeddings=1),
        fine_tuning=FineTuning(effective_batch_size=32, learning_rate=3e-5, num_train_epochs=3, source="tests"),
        sources=("tests",),
    )
