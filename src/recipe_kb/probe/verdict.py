"""From measured steps to a verdict, and from a verdict to what it confirms. Pure functions."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from recipe_kb.probe.plan import MIN_WINDOW, RunPlan
from recipe_kb.schema import reasons
from recipe_kb.schema.evidence import Aspect, Verdict
from recipe_kb.training.steps import Step

MAX_SKIPPED_SHARE = 0.5
"""The fp16 scaler starts at 65536 and halves until nothing overflows: a few skipped steps are its way, most are not."""


class Judgement(NamedTuple):
    """A verdict and, unless all is well, why."""

    verdict: Verdict
    reason: str | None


class LossTrend(NamedTuple):
    """Mean loss over the first and over the last window; each window holds every task equally often."""

    first: float
    last: float


def loss_trend(steps: Sequence[Step], steps_per_round: int) -> LossTrend | None:
    """Average the loss at both ends of a run.

    Args:
        steps: All optimizer steps, in order.
        steps_per_round: Steps after which each task was seen equally often; tasks differ in loss, so only whole
            rounds may be compared.

    Returns:
        The two means, over windows that do not overlap; None if the run is shorter than two rounds.
    """
    wanted = steps_per_round * math.ceil(MIN_WINDOW / steps_per_round)
    possible = len(steps) // 2 // steps_per_round * steps_per_round
    window = min(wanted, possible)
    if window == 0:
        return None
    losses = [step.loss for step in steps]
    return LossTrend(fmean(losses[:window]), fmean(losses[-window:]))


def judge(steps: Sequence[Step], *, steps_per_round: int, num_alloc_retries: int | None) -> Judgement:
    """Judge a run that reached its end.

    Args:
        steps: All optimizer steps, in order; at least one.
        steps_per_round: As in `loss_trend`.
        num_alloc_retries: How often CUDA's caching allocator had to free and ask again; None off CUDA.

    Returns:
        The worst of what holds: not_finite, no_progress, alloc_retries, passed.
    """
    for number, step in enumerate(steps, start=1):
        if not math.isfinite(step.loss):
            return Judgement(
                "not_finite", reasons.LOSS_NOT_FINITE.format(loss=step.loss, step=number, steps=len(steps))
            )
        if not step.skipped and not math.isfinite(step.grad_norm):
            return Judgement(
                "not_finite", reasons.GRADIENT_NOT_FINITE.format(norm=step.grad_norm, step=number, steps=len(steps))
            )
    num_skipped = sum(step.skipped for step in steps)
    if num_skipped > MAX_SKIPPED_SHARE * len(steps):
        return Judgement("not_finite", reasons.OVERFLOWED.format(count=num_skipped, steps=len(steps)))
    trend = loss_trend(steps, steps_per_round)
    if trend is not None and trend.last >= trend.first:
        return Judgement(
            "no_progress", reasons.NO_PROGRESS.format(first=f"{trend.first:.4f}", last=f"{trend.last:.4f}")
        )
    if num_alloc_retries:
        return Judgement("alloc_retries", reasons.RETRIED.format(count=num_alloc_retries))
    return Judgement("passed", None if trend else reasons.TOO_SHORT.format(steps=len(steps)))


_TRAINED: tuple[Verdict, ...] = ("passed", "alloc_retries", "no_progress")
_HARDWARE: tuple[Aspect, ...] = ("memory", "speed", "precision")
_MEMORY: tuple[Aspect, ...] = ("memory",)


def aspects(
    verdict: Verdict,
    plan: RunPlan,
    *,
    own_gpu: bool,
    loss_compared: bool,
    timed: bool,
    comparable: bool = True,
    own_limit: bool = False,
) -> tuple[tuple[Aspect, ...], tuple[Aspect, ...]]:
    """Tell what a verdict confirms of the recipe.

    Args:
        verdict: Of the run.
        plan: What was run; accumulation and several tasks count only where the run had them.
        own_gpu: Whether it ran on the GPU that the recipe is for; nothing else confirms memory, speed or precision.
        timed: Whether steps were left to time after warm-up; a run shorter than that confirms no hardware.
        loss_compared: Whether the run was long enough for a trend.
        comparable: Whether nothing spoiled the times. Peaks of torch's allocator are this process's own, so memory is
            confirmed beside another process too, and speed is not.
        own_limit: Whether another GPU was held to the memory of the recipe's; that confirms memory alone.

    Returns:
        What is confirmed, and what only the recipe's GPU can.
    """
    here = _HARDWARE if own_gpu else _MEMORY if own_limit else ()
    needs_gpu = tuple(aspect for aspect in _HARDWARE if aspect not in here)
    if verdict not in _TRAINED:
        return (), needs_gpu
    confirmed: list[Aspect] = ["trains", "gradients_finite"]
    if verdict != "no_progress" and loss_compared:
        confirmed.append("loss_falls")
    if plan.settings.gradient_accumulation_steps > 1:
        confirmed.append("accumulation")
    if plan.tasks > 1:
        confirmed.append("multi_task")
    if plan.num_gpus > 1:
        confirmed.append("several_gpus")
    if verdict == "passed" and loss_compared and timed:
        confirmed += [aspect for aspect in here if comparable or aspect != "speed"]
    return tuple(confirmed), needs_gpu
