"""`--format axolotl`: a configuration of Axolotl 0.19, which fine-tunes causal language models.

Axolotl loads the weights in the precision that it computes in, also those that it trains: in bf16 they have no float32
copy, unlike in the run that the probe measures; in fp16 the gradient scaler refuses them.
"""

from typing import Any

from recipe_kb.dialects import launch
from recipe_kb.dialects.job import Job
from recipe_kb.dialects.loading import LORA
from recipe_kb.dialects.yaml_text import load
from recipe_kb.i18n import _
from recipe_kb.store.yaml_file import dump

SUFFIX = ".yaml"
VERSION = "0.19.0"
_NAMES = {
    "per_device_train_batch_size": "micro_batch_size",
    "per_device_eval_batch_size": "eval_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "num_train_epochs": "num_epochs",
    "learning_rate": "learning_rate",
    "lr_scheduler_type": "lr_scheduler",
    "warmup_ratio": "warmup_ratio",
    "optim": "optimizer",
    "weight_decay": "weight_decay",
    "adam_beta1": "adam_beta1",
    "adam_beta2": "adam_beta2",
    "adam_epsilon": "adam_epsilon",
    "max_grad_norm": "max_grad_norm",
    "tf32": "tf32",
    "gradient_checkpointing": "gradient_checkpointing",
    "attn_implementation": "attn_implementation",
    "dataloader_num_workers": "dataloader_num_workers",
    "dataloader_prefetch_factor": "dataloader_prefetch_factor",
    "dataloader_pin_memory": "dataloader_pin_memory",
}
NOT_CARRIED = ("dataloader_persistent_workers",)
"""Settings that Axolotl has no name for."""
_RUN = "# Run: accelerate launch --num_processes {num_gpus} -m axolotl.cli.train FILE\n"
_HEADER = "# {recipe_id}, for Axolotl " + VERSION + "; name your own data below datasets\n"


def why_not(job: Job) -> str | None:
    """Return why a recipe cannot be written so; None where it can."""
    if job.is_encoder:
        return _("Axolotl trains causal language models, and {model} is an encoder").format(model=job.key.model)
    if job.key.method == "full" and job.settings.precision == "fp16":
        return _("Axolotl would keep the trained weights in fp16, which the gradient scaler refuses")
    return None


def write(job: Job) -> str:
    """Write one recipe; `datasets` holds an example to replace."""
    settings = job.settings.given()
    workers = settings["dataloader_num_workers"] > 0
    adapters: dict[str, Any] = {} if job.key.method == "full" else {"adapter": job.key.method}
    adapters |= {"load_in_4bit": True} if job.key.method == "qlora" else {}
    adapters |= {name: settings[name] for name in LORA if name in settings} if adapters else {}
    adapters |= {"lora_target_linear": True} if adapters else {}
    document: dict[str, Any] = {
        "base_model": job.model.hub_id,
        "datasets": [{"path": "train.jsonl", "ds_type": "json", "type": "completion"}],
        "output_dir": "output",
        "sequence_len": job.key.max_length,
        "sample_packing": False,
        **adapters,
    }
    skipped = set() if workers else {"dataloader_prefetch_factor"}
    skipped |= {"gradient_checkpointing"} if job.is_sharded and job.settings.gradient_checkpointing else set()
    document |= {theirs: settings[ours] for ours, theirs in _NAMES.items() if ours in settings and ours not in skipped}
    document |= {"bf16": settings["precision"] == "bf16", "fp16": settings["precision"] == "fp16"}
    document |= _sharded(job) if job.is_sharded else {}
    header = _HEADER.format(recipe_id=job.recipe_id)
    header += _RUN.format(num_gpus=job.num_gpus) if job.num_gpus > 1 else ""
    return header + dump(document)


def _sharded(job: Job) -> dict[str, Any]:
    """Ask for FSDP2; recomputing activations is its own affair then, or each layer is gathered twice."""
    config: dict[str, Any] = {
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        **({"transformer_layer_cls_to_wrap": job.layer} if job.layer else {}),
        "reshard_after_forward": True,
        "state_dict_type": "FULL_STATE_DICT",
        "offload_params": False,
        "cpu_ram_efficient_loading": False,
    }
    config |= {"activation_checkpointing": True} if job.settings.gradient_checkpointing else {}
    return {"fsdp_version": 2, "fsdp_config": config}


def read(text: str) -> dict[str, Any]:
    """Return the settings of a document, and of the cell what it says."""
    document = load(text)
    settings = {ours: document[theirs] for ours, theirs in _NAMES.items() if theirs in document}
    settings |= {"precision": next((name for name in ("bf16", "fp16") if document.get(name)), "fp32")}
    settings |= {name: document[name] for name in LORA if name in document}
    if "fsdp_config" in document:
        settings |= {"parallel": "fsdp"}
        settings["gradient_checkpointing"] = document["fsdp_config"].get("activation_checkpointing", False)
    settings |= {"max_length": document["sequence_len"], "method": document.get("adapter", "full")}
    return launch.read(text, settings)


def remarks(job: Job) -> list[str]:
    """Say what Axolotl does otherwise than the probe."""
    said = [_("Axolotl has no name for {names}.").format(names=", ".join(NOT_CARRIED))]
    if job.key.method == "full" and job.settings.precision == "bf16":
        said.append(_("Axolotl trains bf16 weights without a float32 copy, unlike the run that the probe measures."))
    return said
