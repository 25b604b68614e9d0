"""`--format yaml`: everything a training script needs, as one YAML document.

`model` goes to from_pretrained (`attributes` to the object that it returns), `quantization` to
transformers.BitsAndBytesConfig, `lora` to peft.LoraConfig, `data` to tokenizing and batching, `training_arguments`
to transformers.TrainingArguments.
`dtype` is written out because transformers 5 otherwise loads a checkpoint in the precision it was saved in, and
mixed precision needs float32 weights to train.
"""

from collections.abc import Mapping
from typing import Any

from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Recipe, RecipeKey
from recipe_kb.store.yaml_file import dump

_LORA = {"lora_r": "r", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout"}

_DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
_HEADER = "# for transformers 5.23 or a later 5.x; older versions spell some of these otherwise\n"
_NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}


def write(
    recipe_id: str,
    key: RecipeKey,
    recipe: Recipe,
    model: Model,
    arguments: Mapping[str, object],
    attributes: Mapping[str, object],
) -> str:
    """Write one recipe."""
    settings = recipe.settings
    half = _DTYPES[settings.precision]
    document: dict[str, Any] = {
        "recipe": recipe_id,
        "model": {
            "name_or_path": model.hub_id,
            "dtype": "float32" if key.method == "full" else half,
            "attn_implementation": settings.attn_implementation,
            "attributes": dict(attributes),
        },
        "data": {"max_length": key.max_length, "tasks": key.tasks[1], "task_mixing": recipe.task_mixing},
        "training_arguments": dict(arguments),
    }
    if key.method == "qlora":
        document["quantization"] = {**_NF4, "bnb_4bit_compute_dtype": half}
        if model.family == "encoder":
            # transformers leaves out a language-model head by itself, but would quantize a classifier, and 4-bit
            # weights cannot be trained (huggingface/peft#1720).
            document["quantization"]["llm_int8_skip_modules"] = ["classifier"]
    lora = {theirs: getattr(settings, ours) for ours, theirs in _LORA.items() if getattr(settings, ours) is not None}
    if lora:
        document["lora"] = {**lora, "target_modules": "all-linear"}
    return _HEADER + dump(document)


def read(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a document that do not belong to TrainingArguments."""
    settings = {"attn_implementation": document["model"]["attn_implementation"]}
    lora = document.get("lora", {})
    return settings | {ours: lora[theirs] for ours, theirs in _LORA.items() if theirs in lora}
