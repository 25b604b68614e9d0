"""From the results of several ranks to one. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from recipe_kb.probe.ending import judge_ending, lacks_shared_memory
from recipe_kb.probe.messages import Failure, Finished, RankEnd, Telemetry
from recipe_kb.probe.rank_file import Begun, Ended
from recipe_kb.probe.verdict import Judgement
from recipe_kb.schema import reasons
from recipe_kb.schema.evidence import Verdict
from recipe_kb.training.steps import Step

SIGTERM = 15
"""How torchrun ends the ranks that are left when one has failed."""

MAX_GRADIENT_DIFFERENCE = 1e-3
"""By which the gradient norms of two ranks may differ: they add the same numbers in another order at most."""


@dataclass(frozen=True)
class RankResult:
    """What is known of one rank: its files, and its exit code if torchrun saw it fail."""

    rank: int
    begun: Begun | None
    ended: Ended | None
    exit_code: int | None


def join(results: Sequence[RankResult], *, kernel_killed: bool = False) -> Finished:
    """Make one result of all.

    Args:
        results: Of each rank, in order.
        kernel_killed: Whether the kernel killed a process for memory meanwhile.

    Returns:
        The steps that all have taken, each as long as the slowest took; the highest telemetry; the failure that came
        first, with the rank it was.
    """
    judged = [_judge(result, kernel_killed=kernel_killed) for result in results]
    finished = [result.ended.finished if result.ended else Finished() for result in results]
    ends = tuple(
        RankEnd(
            rank=result.rank,
            pid=result.begun.pid if result.begun else None,
            gpu_name=result.begun.started.gpu_name if result.begun else None,
            verdict=judgement.verdict if judgement else None,
            reason=judgement.reason if judgement else None,
            steps=one.steps,
            telemetry=one.telemetry,
        )
        for result, judgement, one in zip(results, judged, finished, strict=True)
    )
    cause = _cause(results, judged)
    steps = _steps([one.steps for one in finished])
    failure, reason = cause or _apart([one.steps for one in finished])
    whole = next((one for one in finished if one.num_body_parameters is not None), finished[0])
    return Finished(
        failure=failure,
        reason=reason,
        steps=steps,
        telemetry=_highest([one.telemetry for one in finished]),
        attention=whole.attention,
        num_body_parameters=whole.num_body_parameters,
        clock=whole.clock,
        ranks=ends,
    )


def _judge(result: RankResult, *, kernel_killed: bool) -> Judgement | None:
    """Say what became of a rank by itself; None where it was ended, or lost, because another one had failed."""
    if result.ended:
        finished = result.ended.finished
        if finished.failure == "crash" and lacks_shared_memory(finished.reason or ""):
            return Judgement("unsupported", f"{reasons.SHARED_MEMORY}: {finished.reason}")
        return Judgement(finished.failure or "passed", finished.reason)
    if result.exit_code is None or result.exit_code == -SIGTERM:
        return None
    return judge_ending(result.exit_code, "", kernel_killed=kernel_killed)


def _cause(results: Sequence[RankResult], judged: Sequence[Judgement | None]) -> tuple[Failure, str | None] | None:
    failed = [
        (_order(result, judgement.verdict), result.rank, judgement)
        for result, judgement in zip(results, judged, strict=True)
        if judgement and judgement.verdict != "passed"
    ]
    if not failed:
        lost = [result.rank for result in results if not result.ended]
        return ("crash", reasons.RANK.format(rank=lost[0], reason=reasons.NO_RESULT)) if lost else None
    _, rank, judgement = min(failed, key=lambda one: one[:2])
    said = {one.reason for _, _, one in failed}
    failure: Failure = judgement.verdict if judgement.verdict in {"oom", "unsupported"} else "crash"
    everywhere = len(failed) == len(results) and len(said) == 1
    reason = judgement.reason or judgement.verdict
    return failure, reason if everywhere else reasons.RANK.format(rank=rank, reason=reason)


def _order(result: RankResult, verdict: Verdict) -> tuple[int, float]:
    """Sort failures: a verdict of its own, then who died without a word; a rank that loses another one crashes too."""
    if result.ended is None:
        return 1, 0.0
    return 2 if verdict == "crash" else 0, result.ended.time_s


def _apart(steps: Sequence[Sequence[Step]]) -> tuple[Failure | None, str | None]:
    """Hold the gradients of all ranks against those of the first: what is exchanged is the same everywhere."""
    for rank, own in enumerate(steps):
        for number, (first, one) in enumerate(zip(steps[0], own, strict=False), start=1):
            both = first.grad_norm, one.grad_norm
            if all(map(math.isfinite, both)) and not math.isclose(*both, rel_tol=MAX_GRADIENT_DIFFERENCE):
                return "crash", reasons.APART.format(rank=rank, step=number)
    return None, None


def _steps(steps: Sequence[Sequence[Step]]) -> tuple[Step, ...]:
    """Join the steps that every rank with any has taken."""
    taken = [own for own in steps if own]
    return tuple(
        same[0].model_copy(
            update={"time_s": max(step.time_s for step in same), "skipped": any(step.skipped for step in same)}
        )
        for same in zip(*taken, strict=False)
    )


def _highest(telemetry: Sequence[Telemetry]) -> Telemetry:
    """Take the highest of each figure; one that a rank lacks is None, as its own is."""
    names = [name for name in Telemetry.model_fields if name != "not_measured"]
    lacking = [one for one in telemetry if one.not_measured]
    values = {name: [getattr(one, name) for one in telemetry] for name in names}
    known = {name: [value for value in found if value is not None] for name, found in values.items()}
    return Telemetry(
        **{name: max(found) if found else None for name, found in known.items()},
        not_measured=lacking[0].not_measured if lacking else {},
    )
