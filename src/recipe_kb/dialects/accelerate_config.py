"""`--format accelerate`: what `accelerate launch --config_file` reads, accelerate 1.15.

Such a file knows precision and processes only; everything else belongs to the script, so the flags for it stand in
comments. `Trainer` sets its own precision from those flags; a loop of one's own takes it from this file.
"""

from dataclasses import replace
from typing import Any

from recipe_kb.dialects import args
from recipe_kb.dialects.job import Job
from recipe_kb.dialects.launch import parallel_of
from recipe_kb.dialects.yaml_text import load
from recipe_kb.i18n import _
from recipe_kb.store.yaml_file import dump

SUFFIX = ".yaml"
_PRECISIONS = {"fp32": "no", "fp16": "fp16", "bf16": "bf16"}


def write(job: Job) -> str:
    """Write the file, and the flags of the script as comments."""
    several = job.num_gpus > 1
    document = {
        "compute_environment": "LOCAL_MACHINE",
        "debug": False,
        "distributed_type": "FSDP" if job.is_sharded else "MULTI_GPU" if several else "NO",
        "downcast_bf16": "no",
        "enable_cpu_affinity": False,
        "gpu_ids": "all",
        "machine_rank": 0,
        "main_training_function": "main",
        "mixed_precision": _PRECISIONS[job.settings.precision],
        "num_machines": 1,
        "num_processes": job.num_gpus,
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": False,
    }
    document |= {"fsdp_config": _fsdp(job)} if job.is_sharded else {}
    flags = "".join(f"#   {line}\n" for line in args.write(job).splitlines())
    return f"# {job.recipe_id}: accelerate launch --config_file FILE train.py, and after it\n{flags}{dump(document)}"


def read(text: str) -> dict[str, Any]:
    """Return precision, number of GPUs, and how they share the work."""
    document = load(text)
    ours = {theirs: name for name, theirs in _PRECISIONS.items()}
    # YAML 1.1 reads a bare no as false, and accelerate takes it so.
    found = {"precision": ours[document["mixed_precision"] or "no"], "num_gpus": document["num_processes"]}
    sharded = {"parallel": "fsdp"} if document["distributed_type"] == "FSDP" else {}
    return found | parallel_of(found["num_gpus"], sharded)


def _fsdp(job: Job) -> dict[str, Any]:
    """Return what `TrainingArguments` says of FSDP in accelerate's words, for a loop of one's own."""
    return {
        "fsdp_version": 2,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        **({"fsdp_transformer_layer_cls_to_wrap": job.layer} if job.layer else {}),
        "fsdp_reshard_after_forward": True,
        "fsdp_activation_checkpointing": job.settings.gradient_checkpointing,
        "fsdp_cpu_ram_efficient_loading": False,
        "fsdp_offload_params": False,
        "fsdp_state_dict_type": "FULL_STATE_DICT",
    }


def remarks(job: Job) -> list[str]:
    """Say what the file cannot carry."""
    said = [_("This file carries precision and number of GPUs; the other settings stand in it as comments.")]
    if job.num_gpus > 1 and not job.is_sharded and job.leaves_heads_unused:
        said.append(
            _(
                "Each step leaves heads without a gradient: a loop of your own also needs "
                "DistributedDataParallelKwargs(find_unused_parameters=True)."
            )
        )
    return said + args.remarks(replace(job, num_gpus=1))
