"""What must hold before a network is built, in the child; of several processes, once for all of them."""

import os
from functools import partial

import psutil  # type: ignore[import-untyped]
import torch

from recipe_kb.probe.plan import Device, RunPlan
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.schema import reasons
from recipe_kb.training.network import build_network
from recipe_kb.training.size import static_bytes
from recipe_kb.training.unsupported import UnsupportedError
from recipe_kb.units import GIB


def device_of(request: ProbeRequest) -> Device:
    """Say where this machine trains what is asked."""
    return "cuda" if request.device != "cpu" and torch.cuda.is_available() else "cpu"


def require_possible(request: ProbeRequest, plan: RunPlan, device: Device) -> None:
    """Refuse what cannot be trained here.

    Raises:
        UnsupportedError: A device, memory or tokens are missing; the text says which and how many.
    """
    if request.device == "cuda" and device == "cpu":
        raise UnsupportedError(reasons.NO_CUDA)
    if request.key.method == "qlora" and device == "cpu":
        raise UnsupportedError(reasons.NO_QLORA)
    if plan.max_length > request.model.max_length:
        raise UnsupportedError(reasons.TOO_LONG.format(length=plan.max_length, limit=request.model.max_length))
    if plan.num_gpus > 1:
        _require_several(request, plan, device)
    if device == "cpu":
        build = partial(build_network, request.model, plan.settings, tasks=plan.tasks, method=request.key.method)
        with torch.device("meta"):
            _require_memory(static_bytes(build(), plan.settings.optim) * plan.num_gpus)


def _require_several(request: ProbeRequest, plan: RunPlan, device: Device) -> None:
    if not hasattr(os, "mkfifo"):
        raise UnsupportedError(reasons.NO_NAMED_PIPES)
    found = torch.cuda.device_count() if device == "cuda" else plan.num_gpus  # on a CPU processes stand for GPUs
    if found < plan.num_gpus:
        raise UnsupportedError(reasons.TOO_FEW_GPUS.format(wanted=plan.num_gpus, found=found))
    if plan.parallel == "fsdp" and request.key.method == "qlora":
        raise UnsupportedError(reasons.NO_FSDP_QLORA)


def _require_memory(needed_bytes: int) -> None:
    """Refuse what would only swap: on a CPU nothing else stops an allocation that is too large.

    FSDP too needs the whole network in each process before it is cut into shards.
    """
    available = psutil.virtual_memory().available
    if needed_bytes > available:
        needed, free = (f"{size / GIB:.1f}" for size in (needed_bytes, available))
        raise UnsupportedError(reasons.TOO_LARGE.format(needed=needed, available=free))
