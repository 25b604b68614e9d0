"""The line that starts a program on several GPUs, one process each; no dialect by itself, several write it."""

import re
from typing import Any

from recipe_kb.dialects.job import Job

_COUNT = re.compile(r"(?:--nproc_per_node|--num_processes) (\d+)|\bNPROC_PER_NODE=(\d+)")


def line(job: Job, script: str = "train.py") -> str:
    """Return the command that trains.

    Args:
        job: Says how many processes train together.
        script: What each of them runs.
    """
    return f"python {script}" if job.num_gpus == 1 else f"torchrun --nproc_per_node {job.num_gpus} {script}"


def read(text: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with how many processes a text starts, and how they share the work.

    Args:
        text: Has a line that starts several, or none.
        settings: What else the text says; `parallel` among it where it asks for FSDP.
    """
    found = _COUNT.search(text)
    num_gpus = int(found[1] or found[2]) if found else 1
    return settings | {"num_gpus": num_gpus} | parallel_of(num_gpus, settings)


def parallel_of(num_gpus: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Return `parallel` where several train together: DDP, unless the settings ask for FSDP."""
    return {"parallel": settings.get("parallel", "ddp")} if num_gpus > 1 else {}
