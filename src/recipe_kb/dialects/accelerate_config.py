"""`--format accelerate`: what `accelerate launch --config_file` reads, accelerate 1.15.

Such a file knows precision and processes only; everything else belongs to the script, so the flags for it stand in
comments. `Trainer` sets its own precision from those flags; a loop of one's own takes it from this file.
"""

from typing import Any

from recipe_kb.dialects import args
from recipe_kb.dialects.job import Job
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
        "distributed_type": "MULTI_GPU" if several else "NO",
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
    flags = "".join(f"#   {line}\n" for line in args.write(job).splitlines())
    return f"# {job.recipe_id}: accelerate launch --config_file FILE train.py, and after it\n{flags}{dump(document)}"


def read(text: str) -> dict[str, Any]:
    """Return precision and number of GPUs."""
    document = load(text)
    ours = {theirs: name for name, theirs in _PRECISIONS.items()}
    # YAML 1.1 reads a bare no as false, and accelerate takes it so.
    return {"precision": ours[document["mixed_precision"] or "no"], "num_gpus": document["num_processes"]}


def remarks(job: Job) -> list[str]:
    """Say what the file cannot carry."""
    said = [_("This file carries precision and number of GPUs; the other settings stand in it as comments.")]
    return said + args.remarks(job)
