"""The rules of `kb/rules/` that compute something, as pure functions.

The words and sources of each stand in the file of the same name; `RULES` is the registry, and a test holds
it against the folder.
"""

import math
from collections.abc import Callable
from typing import Any

from recipe_kb.schema.base import Precision
from recipe_kb.schema.gpu import Gpu

NUM_LABELS = 9
"""Labels of each token classification head: the BIO tags of CoNLL-2003, as `parameters.token_classification_9`.

7,000 parameters on BERT-base, a hundred kilobytes in training.
"""


def effective_batch_size(per_device: int, accumulation: int, num_gpus: int = 1) -> int:
    """Return the samples that one optimizer step averages over."""
    return per_device * accumulation * num_gpus


def keep_effective_batch(effective: int, per_device: int, num_gpus: int = 1) -> int | None:
    """Return the accumulation steps that keep an effective batch; None if it does not divide evenly."""
    steps, rest = divmod(effective, per_device * num_gpus)
    return steps if rest == 0 and steps > 0 else None


def sqrt_adam(learning_rate: float, effective: int, new_effective: int) -> float:
    """Scale a learning rate for Adam with the square root of the effective batch."""
    return learning_rate * math.sqrt(new_effective / effective)


def linear_sgd(learning_rate: float, effective: int, new_effective: int) -> float:
    """Scale a learning rate for SGD in proportion to the effective batch."""
    return learning_rate * new_effective / effective


def warmup_steps(max_steps: int, warmup_ratio: float) -> int:
    """Return the optimizer steps over which the learning rate rises, as transformers rounds them."""
    return math.ceil(max_steps * warmup_ratio)


def num_samples(max_steps: int, effective: int, headroom: float) -> int:
    """Return the training samples that a number of optimizer steps needs."""
    return math.ceil(max_steps * effective * headroom)


def rows_per_micro_batch(per_device: int, tasks: int, mixing: str | None) -> int:
    """Return the samples whose activations are alive at once: joint mixing holds a batch of every task."""
    return per_device * tasks if mixing == "joint" else per_device


def eval_batch_size(per_device: int, factor: float) -> int:
    """Return the evaluation batch for a training batch."""
    return max(1, int(per_device * factor))


def goal_batch(published: int, factor: float) -> int:
    """Return the effective batch for a goal from the published one."""
    return max(1, int(published * factor))


def precision(gpu: Gpu | None) -> Precision:
    """Return the precision a card computes in; a card known only by its size is taken to have fp16."""
    if gpu is None:
        return "fp16"
    if gpu.supports.bf16:
        return "bf16"
    return "fp16" if gpu.supports.tensor_cores else "fp32"


RULES: dict[str, Callable[..., Any] | None] = {
    "data-loader": None,
    "effective-batch": effective_batch_size,
    "eval-batch": eval_batch_size,
    "goal-batch": goal_batch,
    "keep-effective-batch": keep_effective_batch,
    "linear-sgd": linear_sgd,
    "lora-start": None,
    "memory-estimate": None,  # resolve.memory
    "num-samples": num_samples,
    "num-tasks": rows_per_micro_batch,
    "precision": precision,
    "sqrt-adam": sqrt_adam,
    "warm-up": warmup_steps,
}
"""Rule id -> its function; None where the rule is only constants."""
