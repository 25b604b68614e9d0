"""What a recipe becomes on a CPU: the same code path, sizes that end within minutes, every change on record."""

from dataclasses import replace
from typing import Any

from recipe_kb.schema.evidence import Deviation
from recipe_kb.schema.recipe import Settings

MAX_BATCH_SIZE = 4
"""Rows of a micro-batch: four still have gradients to average, and BERT-base takes a second a step on two cores."""

MAX_JOINT_ROWS = 8
"""Rows of a joint micro-batch over all tasks, which holds the batch once per task."""

MAX_EVAL_BATCH_SIZE = 8

MAX_ACCUMULATION = 2
"""Two micro-batches take the same code path as twenty; one would not."""

MAX_LENGTH = 64
"""Tokens per row: attention, position embeddings and padding behave as at 512."""

OPTIMIZERS = frozenset({"adamw_torch", "adamw_torch_fused", "adafactor", "sgd"})
"""Optimizers that a CPU runs as a GPU does. 8-bit and paged ones have GPU kernels."""

WHY_PRECISION = "no-half-precision-on-cpu"
WHY_TF32 = "tf32-is-a-gpu-format"
WHY_OPTIMIZER = "optimizer-has-gpu-kernels"
WHY_ATTENTION = "attention-has-gpu-kernels"
WHY_LOADER = "nothing-to-overlap-on-cpu"
WHY_TIME = "shorter-on-cpu"


def fit_to_cpu(
    settings: Settings, max_length: int, *, joint_tasks: int = 1
) -> tuple[Settings, int, tuple[Deviation, ...]]:
    """Shrink a recipe to what a CPU trains in minutes.

    Args:
        settings: The recipe's.
        max_length: The recipe's, in tokens.
        joint_tasks: Tasks whose rows one micro-batch holds together; 1 when they take turns.

    Returns:
        Settings and length to run with, and one deviation for each value that differs from the recipe's.
    """
    batch_size = max(1, min(MAX_BATCH_SIZE, MAX_JOINT_ROWS // joint_tasks))
    wanted: dict[str, tuple[Any, str]] = {
        "per_device_train_batch_size": (min(settings.per_device_train_batch_size, batch_size), WHY_TIME),
        "per_device_eval_batch_size": (min(settings.per_device_eval_batch_size, MAX_EVAL_BATCH_SIZE), WHY_TIME),
        "gradient_accumulation_steps": (min(settings.gradient_accumulation_steps, MAX_ACCUMULATION), WHY_TIME),
        "precision": ("fp32", WHY_PRECISION),
        "tf32": (False, WHY_TF32),
        "optim": (settings.optim if settings.optim in OPTIMIZERS else "adamw_torch", WHY_OPTIMIZER),
        "attn_implementation": (_attention(settings.attn_implementation), WHY_ATTENTION),
        "dataloader_num_workers": (0, WHY_LOADER),
        "dataloader_prefetch_factor": (None, WHY_LOADER),
        "dataloader_persistent_workers": (False, WHY_LOADER),
        "dataloader_pin_memory": (False, WHY_LOADER),
    }
    deviations = [
        Deviation(setting=name, recipe=getattr(settings, name), probe=value, why=why)
        for name, (value, why) in wanted.items()
        if getattr(settings, name) != value
    ]
    length = min(max_length, MAX_LENGTH)
    if length != max_length:
        deviations.append(Deviation(setting="max_length", recipe=max_length, probe=length, why=WHY_TIME))
    fitted = replace(settings, **{name: value for name, (value, _) in wanted.items()})
    return fitted, length, tuple(deviations)


def _attention(attn_implementation: str) -> str:
    """Keep the kernels that are plain torch; flash attention in all its versions becomes sdpa."""
    return attn_implementation if attn_implementation in {"sdpa", "eager"} else "sdpa"
