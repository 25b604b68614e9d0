"""The job of a recipe: the network, data and optimizer that the probe would run, on fake tensors."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from recipe_kb.resolve.rules import NUM_LABELS
from recipe_kb.schema.base import Method, TaskMixing
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Settings
from recipe_kb.tracing.cuda import SdpaKernel
from recipe_kb.tracing.optimizers import HOST_SCALARS, make_optimizer
from recipe_kb.tracing.trace import Job
from recipe_kb.training.network import build_network

_HALF = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}


def job_of(
    model: Model,
    settings: Settings,
    *,
    tasks: int,
    mixing: TaskMixing | None,
    method: Method,
    sdpa: SdpaKernel,
    padded: bool,
) -> Job:
    """Describe what `Trainer` runs for these settings.

    Args:
        model: The network's config.
        settings: Of a recipe.
        tasks: Heads of an encoder.
        mixing: `joint` passes all tasks in one micro-batch; None for one task.
        method: What is trained.
        sdpa: The best attention kernel of the GPU.
        padded: Rows differ in length, so that the attention mask is used; transformers drops a mask of ones.

    Raises:
        UnsupportedError: This network cannot be built with this attention kernel or method.
    """
    encoder = model.family == "encoder"

    def build() -> nn.Module:
        if method == "qlora":
            from recipe_kb.tracing.four_bit import quantized_network  # not before: it imports peft

            return quantized_network(model, settings, tasks)
        return build_network(model, settings, tasks=tasks, method=method)

    return Job(
        build=_without_cache(build),
        inputs=_inputs(encoder, tasks, mixing),
        drops_mask=not padded and (encoder or settings.attn_implementation != "eager"),
        optimizer=lambda network: make_optimizer(network, settings.optim),
        autocast=_HALF[settings.precision],
        sdpa=sdpa,
        gradient_checkpointing=settings.gradient_checkpointing,
        loop="trainer",
        max_grad_norm=settings.max_grad_norm,
        host_scalars=settings.optim in HOST_SCALARS,
        logit_width=NUM_LABELS if encoder else model.shape.vocab_size,
    )


def _inputs(encoder: bool, tasks: int, mixing: TaskMixing | None) -> Callable[[int, int], dict[str, Any]]:
    def make(rows: int, length: int) -> dict[str, Any]:
        joint = encoder and mixing == "joint"
        ids = torch.zeros((rows, tasks, length) if joint else (rows, length), dtype=torch.long)
        batch: dict[str, Any] = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids.clone()}
        if encoder and tasks > 1 and not joint:
            batch["task"] = 0
        return batch

    return make


def _without_cache(build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """Switch the key-value cache off, as `Trainer` does since transformers 5."""

    def build_without_cache() -> nn.Module:
        network = build()
        network.config.use_cache = False
        return network

    return build_without_cache
