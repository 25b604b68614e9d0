"""`--format yaml`: everything a training script needs, as one YAML document.

`model` goes to from_pretrained (`attributes` to the object that it returns), `quantization` to
transformers.BitsAndBytesConfig, `lora` to peft.LoraConfig, `data` to tokenizing and batching, `training_arguments`
to transformers.TrainingArguments.
"""

from typing import Any

from recipe_kb.dialects import launch, training_arguments
from recipe_kb.dialects.job import Job
from recipe_kb.dialects.loading import load_arguments, lora, method_of, quantization, read_lora
from recipe_kb.dialects.yaml_text import load
from recipe_kb.store.yaml_file import dump

SUFFIX = ".yaml"
_HEADER = "# for transformers 5.23 or a later 5.x; older versions spell some of these otherwise\n"
_ON_ENCODER = "# lora: get_peft_model(encoder, LoraConfig(**lora)), on the encoder that all heads share\n"


def write(job: Job) -> str:
    """Write one recipe."""
    document: dict[str, Any] = {
        "recipe": job.recipe_id,
        "model": {
            "name_or_path": job.model.hub_id,
            **load_arguments(job),
            "attributes": training_arguments.model_attributes(job.model),
        },
        "data": {"max_length": job.key.max_length, "tasks": job.tasks, "task_mixing": job.recipe.task_mixing},
        "training_arguments": job.training_arguments,
    }
    parts = {"quantization": quantization(job), "lora": lora(job)}
    document |= {name: part for name, part in parts.items() if part}
    header = _HEADER + (_ON_ENCODER if parts["lora"] and job.is_encoder and job.tasks > 1 else "")
    header += f"# Run: {launch.line(job)}\n" if job.num_gpus > 1 else ""
    return header + dump(document)


def read(text: str) -> dict[str, Any]:
    """Return the settings of a document, and of the cell what it says."""
    document = load(text)
    found = training_arguments.read(document["training_arguments"])
    found["attn_implementation"] = document["model"]["attn_implementation"]
    adapters = document.get("lora")
    method = method_of(has_lora=adapters is not None, has_quantization="quantization" in document)
    data = {name: document["data"][name] for name in ("max_length", "tasks")}
    return launch.read(text, found | read_lora(adapters or {}) | data | {"method": method})
