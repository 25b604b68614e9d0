"""What the child does with its task: fit, check, build, train, report."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

import psutil  # type: ignore[import-untyped]
import torch
from torch import nn

from recipe_kb.probe.emulate import play
from recipe_kb.probe.messages import Failure, Finished, Message, Progress, Started, Task
from recipe_kb.probe.plan import Device, RunPlan, plan_run
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.stability import is_enough
from recipe_kb.probe.telemetry import gpu_fingerprint, read_telemetry, reset_peaks
from recipe_kb.schema import reasons
from recipe_kb.training.clock import clock_of
from recipe_kb.training.data import Plan, TaskRows
from recipe_kb.training.loop import OnStep, train, training_arguments
from recipe_kb.training.network import build_network
from recipe_kb.training.size import num_body_parameters, static_bytes
from recipe_kb.training.steps import Step
from recipe_kb.training.unsupported import UnsupportedError
from recipe_kb.units import GIB


def run(task: Task, stream: TextIO) -> None:
    """Train as the task says and write messages to the stream.

    What is a verdict ends in a `Finished`; any other error propagates.
    """
    request = task.request
    device: Device = "cuda" if request.device != "cpu" and torch.cuda.is_available() else "cpu"
    gpu_name = torch.cuda.get_device_name(0) if device == "cuda" else None
    _send(stream, Started(device=device, gpu_name=gpu_name, fingerprint=gpu_fingerprint(device)))
    plan = plan_run(request, device)
    steps: list[Step] = []

    def on_step(step: Step) -> None:
        steps.append(step)
        _send(stream, Progress(step=len(steps), loss=step.loss))

    network: nn.Module | None = None
    failure: Failure | None = None
    reason: str | None = None
    try:
        if request.emulation is not None:
            play(request.emulation, plan.settings, device)
        network = _build(request, plan, device)
        reset_peaks(device)
        _train(network, request, plan, device, output_dir=task.scratch, on_step=on_step)
    except (UnsupportedError, ImportError) as error:
        failure, reason = "unsupported", str(error)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        failure, reason = "oom", str(error).partition("\n")[0] or "MemoryError"
    finished = Finished(
        failure=failure,
        reason=reason,
        steps=tuple(steps),
        telemetry=read_telemetry(device),
        attention=None if network is None else getattr(network.config, "_attn_implementation", None),
        num_body_parameters=None if network is None else num_body_parameters(network),
        clock=clock_of(device).name,
    )
    _send(stream, finished)


def _build(request: ProbeRequest, plan: RunPlan, device: Device) -> nn.Module:
    if request.device == "cuda" and device == "cpu":
        raise UnsupportedError(reasons.NO_CUDA)
    if request.key.method == "qlora" and device == "cpu":
        raise UnsupportedError(reasons.NO_QLORA)
    if plan.max_length > request.model.max_length:
        raise UnsupportedError(reasons.TOO_LONG.format(length=plan.max_length, limit=request.model.max_length))
    build = partial(build_network, request.model, plan.settings, tasks=plan.tasks, method=request.key.method)
    if device == "cpu":
        with torch.device("meta"):
            _check_memory(static_bytes(build(), plan.settings.optim))
    return build(weights=request.weights)


def _check_memory(needed_bytes: int) -> None:
    """Refuse what would only swap: on a CPU nothing else stops an allocation that is too large."""
    available = psutil.virtual_memory().available
    if needed_bytes > available:
        needed, free = (f"{size / GIB:.1f}" for size in (needed_bytes, available))
        raise UnsupportedError(reasons.TOO_LARGE.format(needed=needed, available=free))


def _train(
    network: nn.Module, request: ProbeRequest, plan: RunPlan, device: Device, *, output_dir: Path, on_step: OnStep
) -> None:
    rows = partial(
        Plan,
        family=request.model.family,
        tasks=plan.tasks,
        mixing=plan.mixing,
        vocab_size=network.config.vocab_size,
        max_length=plan.max_length,
    )
    settings = plan.settings
    train(
        network,
        training_arguments(settings, num_steps=plan.num_steps, output_dir=output_dir, use_cpu=device == "cpu"),
        train_rows=TaskRows(
            rows(batch_size=settings.per_device_train_batch_size, num_micro_batches=plan.num_micro_batches)
        ),
        eval_rows=TaskRows(rows(batch_size=settings.per_device_eval_batch_size, num_micro_batches=1)),
        on_step=on_step,
        max_steps=plan.max_steps,
        is_enough=partial(_is_enough, plan) if plan.open_ended else None,
    )


def _is_enough(plan: RunPlan, steps: Sequence[Step]) -> bool:
    return is_enough(plan, [step.time_s for step in steps])


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out: on a GPU, in its driver, or in torch's CPU allocator."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return "CUDA error: out of memory" in text or "DefaultCPUAllocator: can't allocate memory" in text


def _send(stream: TextIO, message: Message) -> None:
    stream.write(message.model_dump_json() + "\n")
