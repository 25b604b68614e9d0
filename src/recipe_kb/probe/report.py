"""What the parent learns of a run from its child, message by message."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from recipe_kb.probe.messages import Finished, Message, Progress, Started
from recipe_kb.probe.plan import Device, RunPlan, plan_run
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.stability import WARM_UP_STEPS
from recipe_kb.schema.evidence import GpuLoad

OnProgress = Callable[[int, int, float | None], None]
"""Called with the optimizer steps done, all of them as far as is known, and the last loss."""


@dataclass
class Report:
    """What is known of the run so far.

    A child that dies before it says where it runs is taken at the request's word, `auto` as CPU.
    `timed_since` and `timed_until` are of `time.monotonic()`: from the end of the warm-up to the last step.
    `loads` are what NVML said, one for each GPU in the order of the ranks, or why it said nothing.
    `nvml_name` is what it calls the first.
    """

    request: ProbeRequest
    on_progress: OnProgress
    device: Device
    plan: RunPlan
    started: Started | None = None
    finished: Finished | None = None
    timed_since: float | None = None
    timed_until: float | None = None
    loads: tuple[GpuLoad | str, ...] = ()
    nvml_name: str | None = None

    def take(self, message: Message) -> None:
        """Learn from one message of the child."""
        match message:
            case Started():
                self.started, self.device = message, message.device
                self.plan = plan_run(self.request, message.device)
            case Progress():
                if message.step == WARM_UP_STEPS:
                    self.timed_since = time.monotonic()
                elif message.step > WARM_UP_STEPS:
                    self.timed_until = time.monotonic()
                self.on_progress(message.step, max(message.step, self.plan.num_steps), message.loss)
            case Finished():
                self.finished = message
