"""The run that a request becomes on one device; parent and child compute the same one."""

import math
from dataclasses import dataclass
from typing import Literal

from recipe_kb.probe.cpu import fit_to_cpu
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.schema.base import Parallel, TaskMixing
from recipe_kb.schema.evidence import Deviation
from recipe_kb.schema.recipe import Settings

Device = Literal["cpu", "cuda"]

MIN_STEPS = 16
"""Optimizer steps at least: the warm-up, and enough after it to see a trend."""

MIN_ROUNDS = 3
"""How often every task comes at least: once to start, once to learn, once to show it."""

MAX_STEPS = 1000
"""Optimizer steps at most of a run that waits for its step times to settle: two seconds of the shortest steps."""

MIN_WINDOW = 4
"""Optimizer steps over which a loss is averaged at least."""

WHY_ONE_HEAD = "a-causal-lm-has-one-head"


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """What is trained, and how long: `num_steps` at least, and on until the step times settle, `max_steps` at most.

    `settings` are those of one process; `num_gpus` processes take each micro-step together, all on the same task.
    """

    settings: Settings
    tasks: int
    mixing: TaskMixing
    max_length: int
    num_steps: int
    max_steps: int
    deviations: tuple[Deviation, ...]
    several_heads: bool = False
    num_gpus: int = 1
    parallel: Parallel = "ddp"

    @property
    def steps_per_round(self) -> int:
        """Optimizer steps after which each task was seen equally often; windows are multiples of it."""
        return _steps_per_round(self.settings, self.tasks, self.mixing)

    @property
    def interleaved_heads(self) -> bool:
        """Whether a micro-step leaves heads without a gradient, which DDP has to be told."""
        return self.several_heads and self.mixing == "interleaved"

    @property
    def open_ended(self) -> bool:
        """Whether the run waits for its step times to settle."""
        return self.max_steps > self.num_steps

    @property
    def num_micro_batches(self) -> int:
        """Forward-backward passes of the longest run, a joint one counted once."""
        return self.max_steps * self.settings.gradient_accumulation_steps

    @property
    def samples_per_step(self) -> int:
        """Rows that one optimizer step takes on all GPUs; a joint micro-batch holds the batch once per task."""
        rows = self.settings.per_device_train_batch_size * self.settings.gradient_accumulation_steps * self.num_gpus
        return rows * (self.tasks if self.mixing == "joint" else 1)


def plan_run(request: ProbeRequest, device: Device) -> RunPlan:
    """Decide what to run.

    Args:
        request: The recipe; of a range of task counts the largest is run, which needs most memory.
        device: Where; a CPU gets a smaller run.

    Returns:
        The plan, with every deviation from the recipe. Only on a GPU, whose speed is asked, is a run open-ended, and
        not even there if the number of steps is given.
    """
    settings, max_length = request.recipe.settings, request.key.max_length
    tasks = request.key.tasks[1]
    deviations: tuple[Deviation, ...] = ()
    mixing: TaskMixing = request.recipe.task_mixing or "interleaved"
    if mixing == "joint" and request.model.family == "decoder":
        deviations += (Deviation(setting="task_mixing", recipe="joint", probe="interleaved", why=WHY_ONE_HEAD),)
        mixing = "interleaved"
    if tasks == 1:
        mixing = "interleaved"  # one task takes every turn; joint training of one is the same
    if device == "cpu":
        joint_tasks = tasks if mixing == "joint" else 1
        settings, max_length, changes = fit_to_cpu(settings, max_length, joint_tasks=joint_tasks)
        deviations += changes
    steps_per_round = _steps_per_round(settings, tasks, mixing)
    num_steps = request.num_steps or max(MIN_STEPS, MIN_ROUNDS * steps_per_round)
    open_ended = device == "cuda" and request.num_steps is None
    return RunPlan(
        settings=settings,
        tasks=tasks,
        mixing=mixing,
        max_length=max_length,
        num_steps=num_steps,
        max_steps=max(num_steps, MAX_STEPS - MAX_STEPS % steps_per_round) if open_ended else num_steps,
        deviations=deviations,
        several_heads=tasks > 1 and request.model.family == "encoder",
        num_gpus=request.key.num_gpus,
        parallel=request.parallel,
    )


def _steps_per_round(settings: Settings, tasks: int, mixing: TaskMixing) -> int:
    # Tasks take turns by micro-batch, and an optimizer step takes as many turns as it accumulates.
    return 1 if mixing == "joint" else tasks // math.gcd(tasks, settings.gradient_accumulation_steps)
