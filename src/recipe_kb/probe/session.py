"""What the child does with its task: fit, check, build, train, report; or lead several processes that do."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

import torch
from torch import nn

from recipe_kb.probe.emulate import play
from recipe_kb.probe.messages import Failure, Finished, Message, Progress, Started, Task
from recipe_kb.probe.plan import Device, RunPlan, plan_run
from recipe_kb.probe.possible import device_of, require_possible
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.stability import is_enough
from recipe_kb.probe.telemetry import gpu_fingerprint, read_telemetry, reset_peaks
from recipe_kb.training.clock import clock_of
from recipe_kb.training.data import Plan, TaskRows
from recipe_kb.training.loop import OnStep, train, training_arguments
from recipe_kb.training.network import build_network
from recipe_kb.training.size import num_body_parameters
from recipe_kb.training.steps import Step
from recipe_kb.training.unsupported import UnsupportedError

OUT_OF_MEMORY = (
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",  # cuBLAS and cuDNN allocate beside torch's own allocator
    "CUDNN_STATUS_ALLOC_FAILED",
    "DefaultCPUAllocator: can't allocate memory",
)
"""What errors of a full memory say that have no class of their own."""


def run(task: Task, stream: TextIO) -> None:
    """Train as the task says and write messages to the stream.

    What is a verdict ends in a `Finished`; any other error propagates.
    """
    tell = partial(_send, stream)
    if task.request.key.num_gpus > 1:
        from recipe_kb.probe.leader import lead  # not before: torchrun is half a second of imports

        lead(task, tell)
    else:
        tell(train_here(task, tell))


def train_here(task: Task, tell: Callable[[Message], None]) -> Finished:
    """Train in this process, alone or as one of several.

    Args:
        task: The same for each of several.
        tell: Is told where this process trains, and every optimizer step.

    Returns:
        What it measured, and what of it is a verdict; any other error propagates.
    """
    request = task.request
    device = device_of(request)
    gpu_name = torch.cuda.get_device_name() if device == "cuda" else None
    tell(Started(device=device, gpu_name=gpu_name, fingerprint=gpu_fingerprint(device)))
    plan = plan_run(request, device)
    steps: list[Step] = []

    def on_step(step: Step) -> None:
        steps.append(step)
        tell(Progress(step=len(steps), loss=step.loss))

    network: nn.Module | None = None
    num_parameters: int | None = None
    failure: Failure | None = None
    reason: str | None = None
    try:
        if request.emulation is not None:
            play(request.emulation, plan.settings, device)
        network = _build(request, plan, device)
        num_parameters = num_body_parameters(network)
        reset_peaks(device)
        _train(network, request, plan, device, output_dir=task.scratch, on_step=on_step)
    except (UnsupportedError, ImportError) as error:
        failure, reason = "unsupported", str(error)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        failure, reason = "oom", str(error).partition("\n")[0] or "MemoryError"
    return Finished(
        failure=failure,
        reason=reason,
        steps=tuple(steps),
        telemetry=read_telemetry(device),
        attention=None if network is None else getattr(network.config, "_attn_implementation", None),
        num_body_parameters=num_parameters,
        clock=clock_of(device).name,
    )


def _build(request: ProbeRequest, plan: RunPlan, device: Device) -> nn.Module:
    if plan.num_gpus == 1:  # of several processes the leader has asked
        require_possible(request, plan, device)
    method = request.key.method
    return build_network(request.model, plan.settings, tasks=plan.tasks, method=method, weights=request.weights)


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
    arguments = training_arguments(
        settings,
        num_steps=plan.num_steps,
        output_dir=output_dir,
        use_cpu=device == "cpu",
        num_gpus=plan.num_gpus,
        parallel=plan.parallel,
        layer=request.layer,
        interleaved_heads=plan.interleaved_heads,
    )
    # The micro-batches that all processes take at once are one of the recipe's task, cut among them.
    batch_size = settings.per_device_train_batch_size * plan.num_gpus
    eval_batch_size = settings.per_device_eval_batch_size * plan.num_gpus
    train(
        network,
        arguments,
        train_rows=TaskRows(rows(batch_size=batch_size, num_micro_batches=plan.num_micro_batches)),
        eval_rows=TaskRows(rows(batch_size=eval_batch_size, num_micro_batches=1)),
        on_step=on_step,
        max_steps=plan.max_steps,
        is_enough=partial(_is_enough, plan) if plan.open_ended else None,
    )


def _is_enough(plan: RunPlan, steps: Sequence[Step]) -> bool:
    return is_enough(plan, [step.time_s for step in steps])


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out: on a GPU, in its libraries, or on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return any(mark in text for mark in OUT_OF_MEMORY)


def _send(stream: TextIO, message: Message) -> None:
    stream.write(message.model_dump_json() + "\n")
