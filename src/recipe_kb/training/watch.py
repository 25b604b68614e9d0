"""A `Trainer` callback that measures each optimizer step."""

from collections.abc import Callable, Sequence
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from recipe_kb.training.clock import Clock, clock_of
from recipe_kb.training.steps import Step
from recipe_kb.training.together import agreed

IsEnough = Callable[[Sequence[Step]], bool]
"""Told all steps so far after each of them; true ends the training, of several processes that of the first one."""


class StepWatch(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Collects time, loss and gradient norm of every optimizer step, and ends the training when that is enough.

    Attributes:
        steps: The steps so far, in order.
    """

    def __init__(
        self, on_step: Callable[[Step], None], *, max_steps: int | None = None, is_enough: IsEnough | None = None
    ) -> None:
        self.steps: list[Step] = []
        self._on_step = on_step
        self._max_steps = max_steps
        self._is_enough = is_enough
        self._clock: Clock
        self._skipped = False

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Start the clock, and lift the limit of steps.

        The schedule is made by now, so a longer run has the very learning rates of a short one, then the schedule's
        end: its loss falls for the same reason.
        """
        if self._max_steps is not None:
            state.max_steps = self._max_steps
        self._clock = clock_of(args.device.type)
        self._clock.mark()

    def on_optimizer_step(self, *_: Any, optimizer: Any, **__: Any) -> None:
        """Note whether the gradient scaler skipped the step; accelerate's wrapper knows."""
        self._skipped = bool(optimizer.step_was_skipped)

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Stop the clock for this step and start it for the next."""
        self._clock.mark()

    def on_log(
        self,
        args: TrainingArguments,
        _state: TrainerState,
        control: TrainerControl,
        *,
        logs: dict[str, Any],
        **__: Any,
    ) -> None:
        """Complete the step: loss and gradient norm are known only now, and the device has ended its work on them."""
        if "grad_norm" not in logs:  # the log of the evaluation, or of the end of training
            return
        step = Step(
            loss=logs["loss"], grad_norm=logs["grad_norm"], time_s=self._clock.elapsed_s(), skipped=self._skipped
        )
        self.steps.append(step)
        self._on_step(step)
        if self._is_enough is not None and agreed(self._is_enough(self.steps), args.device):
            control.should_training_stop = True
