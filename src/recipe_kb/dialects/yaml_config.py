"""`--format yaml`: everything a training script needs, as one YAML document.

`training_arguments` goes to transformers.TrainingArguments, `model` to from_pretrained and to the object that
it returns, `lora` to peft.LoraConfig.
"""

from collections.abc import Mapping
from typing import Any

from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Settings
from recipe_kb.store.yaml_file import dump

_LORA = {"lora_r": "r", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout"}


def write(
    recipe_id: str,
    settings: Settings,
    model: Model,
    arguments: Mapping[str, object],
    attributes: Mapping[str, object],
) -> str:
    """Write one recipe."""
    document: dict[str, Any] = {
        "recipe": recipe_id,
        "model": {
            "name_or_path": model.hub_id,
            "attn_implementation": settings.attn_implementation,
            "attributes": dict(attributes),
        },
        "training_arguments": dict(arguments),
    }
    lora = {theirs: getattr(settings, ours) for ours, theirs in _LORA.items() if getattr(settings, ours) is not None}
    if lora:
        document["lora"] = {**lora, "target_modules": "all-linear"}
    return dump(document)


def read(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a document that do not belong to TrainingArguments."""
    settings = {"attn_implementation": document["model"]["attn_implementation"]}
    lora = document.get("lora", {})
    return settings | {ours: lora[theirs] for ours, theirs in _LORA.items() if theirs in lora}
