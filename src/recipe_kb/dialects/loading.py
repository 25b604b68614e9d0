"""How a recipe's model is loaded, as arguments of transformers and peft; no dialect by itself, several share it."""

from collections.abc import Mapping
from typing import Any

from recipe_kb.dialects.job import Job

LORA = {"lora_r": "r", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout"}
"""Setting -> argument of `peft.LoraConfig`."""

DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
_NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
_HEAD = "classifier"
"""What transformers calls the head of its token classifiers."""


def load_arguments(job: Job) -> dict[str, Any]:
    """Return arguments of `from_pretrained`.

    `dtype` is written out because transformers 5 otherwise loads a checkpoint in the precision it was saved in, and
    mixed precision needs float32 weights to train; frozen weights need no master copy.
    """
    dtype = "float32" if job.key.method == "full" else DTYPES[job.settings.precision]
    return {"dtype": dtype, "attn_implementation": job.settings.attn_implementation}


def quantization(job: Job) -> dict[str, Any] | None:
    """Return arguments of `transformers.BitsAndBytesConfig`; None where nothing is quantized."""
    if job.key.method != "qlora":
        return None
    arguments = {**_NF4, "bnb_4bit_compute_dtype": DTYPES[job.settings.precision]}
    if job.is_encoder:
        # transformers leaves out a language-model head by itself, but would quantize a classifier, and 4-bit
        # weights cannot be trained (huggingface/peft#1720).
        arguments["llm_int8_skip_modules"] = [_HEAD]
    return arguments


def lora(job: Job) -> dict[str, Any] | None:
    """Return arguments of `peft.LoraConfig`; None where all weights are trained.

    Without its task type peft would freeze a new head with the encoder, or put an adapter on it, whose random weights
    are then never trained. Under several heads the adapters belong to the encoder alone, and the heads stay outside.
    """
    values = job.settings.values()
    found = {theirs: values[ours] for ours, theirs in LORA.items() if values[ours] is not None}
    if job.key.method == "full" or not found:
        return None
    found["target_modules"] = "all-linear"
    if job.model.config.get("model_type") == "gpt2":
        found["fan_in_fan_out"] = True  # its layers store (in, out)
    if not job.is_encoder:
        return found | {"task_type": "CAUSAL_LM"}
    if job.tasks > 1:
        return found | {"task_type": "FEATURE_EXTRACTION"}
    return found | {"task_type": "TOKEN_CLS", "exclude_modules": [_HEAD], "modules_to_save": [_HEAD]}


def read_lora(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Name what `peft.LoraConfig` arguments say in the words of `Settings`."""
    return {ours: arguments[theirs] for ours, theirs in LORA.items() if theirs in arguments}


def method_of(*, has_lora: bool, has_quantization: bool) -> str:
    """Return what is trained: full, lora, qlora."""
    if not has_lora:
        return "full"
    return "qlora" if has_quantization else "lora"
