"""`--format llamafactory`: a configuration of LLaMA-Factory 0.9.5, which fine-tunes causal language models.

It recomputes activations unless it is told not to, and names attention kernels in its own way.
It is made for transformers 4.55 to 5.6, whose names of arguments it takes: `warmup_ratio`, because 4.x would read a
`warmup_steps` below 1 as steps.
"""

from typing import Any

from recipe_kb.dialects import launch
from recipe_kb.dialects.job import Job
from recipe_kb.dialects.training_arguments import SAME_NAME, WORKER_ONLY
from recipe_kb.dialects.yaml_text import load
from recipe_kb.i18n import _
from recipe_kb.store.yaml_file import dump

SUFFIX = ".yaml"
VERSION = "0.9.5"
_ATTENTION = {"eager": "disabled", "sdpa": "sdpa", "flash_attention_2": "fa2"}
_LORA = {"lora_r": "lora_rank", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout"}
_NF4 = {"quantization_bit": 4, "quantization_method": "bnb", "quantization_type": "nf4", "double_quantization": True}
_RUN = "# Run: FORCE_TORCHRUN=1 NPROC_PER_NODE={num_gpus} llamafactory-cli train FILE\n"
_HEADER = "# {recipe_id}, for LLaMA-Factory " + VERSION + "; name your own dataset and template\n"


def why_not(job: Job) -> str | None:
    """Return why a recipe cannot be written so; None where it can."""
    if job.is_encoder:
        return _("LLaMA-Factory trains causal language models, and {model} is an encoder").format(model=job.key.model)
    if job.settings.attn_implementation not in _ATTENTION:
        what = _("LLaMA-Factory has no attention kernel {name}")
        return what.format(name=job.settings.attn_implementation)
    return None


def write(job: Job) -> str:
    """Write one recipe; `dataset` and `template` hold examples to replace."""
    settings = job.settings.given()
    document: dict[str, Any] = {
        "model_name_or_path": job.model.hub_id,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full" if job.key.method == "full" else "lora",
        "dataset": "my_data",
        "template": "default",
        "output_dir": "output",
        "cutoff_len": job.key.max_length,
        "packing": False,
        "flash_attn": _ATTENTION[job.settings.attn_implementation],
        # Under FSDP recomputing is its own affair, or each layer is gathered twice.
        "disable_gradient_checkpointing": job.is_sharded or not job.settings.gradient_checkpointing,
    }
    if job.key.method != "full":
        document |= {theirs: settings[ours] for ours, theirs in _LORA.items() if ours in settings}
        document["lora_target"] = "all"
    document |= _NF4 if job.key.method == "qlora" else {}
    document |= {name: settings[name] for name in (*SAME_NAME, "warmup_ratio", "tf32")}
    if job.settings.dataloader_num_workers > 0:
        document |= {name: settings[name] for name in WORKER_ONLY if name in settings}
    if not job.settings.tf32:
        del document["tf32"]  # false, too, makes transformers ask the card for it
    document |= {job.settings.precision: True} if job.settings.precision != "fp32" else {}
    document |= _sharded(job) if job.is_sharded else {}
    header = _HEADER.format(recipe_id=job.recipe_id)
    header += _RUN.format(num_gpus=job.num_gpus) if job.num_gpus > 1 else ""
    return header + dump(document)


def _sharded(job: Job) -> dict[str, Any]:
    """Ask for FSDP2 in the words of transformers 4.55, which 5.6 still takes: later ones want `fsdp: true`."""
    config: dict[str, Any] = {"version": 2, "reshard_after_forward": True}
    config |= {"transformer_layer_cls_to_wrap": [job.layer]} if job.layer else {}
    config |= {"activation_checkpointing": True} if job.settings.gradient_checkpointing else {}
    return {"fsdp": "full_shard auto_wrap", "fsdp_config": config}


def read(text: str) -> dict[str, Any]:
    """Return the settings of a document, and of the cell what it says."""
    document = load(text)
    names = (*SAME_NAME, *WORKER_ONLY, "warmup_ratio")
    settings = {name: document[name] for name in names if name in document}
    settings |= {ours: document[theirs] for ours, theirs in _LORA.items() if theirs in document}
    attention = {theirs: ours for ours, theirs in _ATTENTION.items()}
    settings["attn_implementation"] = attention[document["flash_attn"]]
    settings["gradient_checkpointing"] = not document.get("disable_gradient_checkpointing", False)
    if "fsdp" in document:
        settings |= {"parallel": "fsdp"}
        settings["gradient_checkpointing"] = document["fsdp_config"].get("activation_checkpointing", False)
    settings["precision"] = next((name for name in ("bf16", "fp16") if document.get(name)), "fp32")
    settings["tf32"] = bool(document.get("tf32"))
    method = "qlora" if "quantization_bit" in document else document["finetuning_type"]
    return launch.read(text, settings | {"max_length": document["cutoff_len"], "method": method})
