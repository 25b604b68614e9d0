"""A `Trainer` callback that measures each optimizer step."""

import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback

from recipe_kb.training.steps import Step


class StepWatch(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Collects time, loss and gradient norm of every optimizer step.

    Attributes:
        steps: The steps so far, in order.
    """

    def __init__(self, on_step: Callable[[Step], None]) -> None:
        self.steps: list[Step] = []
        self._on_step = on_step
        self._last_end = 0.0
        self._time_s = 0.0
        self._skipped = False

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock."""
        self._last_end = _now()

    def on_optimizer_step(self, *_: Any, optimizer: Any, **__: Any) -> None:
        """Note whether the gradient scaler skipped the step; accelerate's wrapper knows."""
        self._skipped = bool(optimizer.step_was_skipped)

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Stop the clock for this step and start it for the next."""
        end = _now()
        self._time_s, self._last_end = end - self._last_end, end

    def on_log(self, *_: Any, logs: dict[str, Any], **__: Any) -> None:
        """Complete the step: loss and gradient norm are known only now."""
        if "grad_norm" not in logs:  # the log of the evaluation, or of the end of training
            return
        step = Step(loss=logs["loss"], grad_norm=logs["grad_norm"], time_s=self._time_s, skipped=self._skipped)
        self.steps.append(step)
        self._on_step(step)


def _now() -> float:
    """Read the clock once the GPU has done all that it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()
