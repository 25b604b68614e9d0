"""How far off: the arithmetic of errors over a group of runs.

Errors are relative to what was measured; a positive one is a prediction that is too high.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from accuracy.case import Case, Estimate
from recipe_kb.memory.predict import MARGIN

UNDER = 0.01
"""A prediction more than this share too low counts as an under-estimate."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """Errors of one estimator over `num_runs` runs; shares and errors are fractions, not percent.

    `failure_share` (PEF, probability of estimation failure): runs that would end out of memory if they were capped at
    the prediction plus `MARGIN`.
    `coverage`: runs with a stated interval that holds the measurement; None if no interval is stated.
    """

    num_runs: int
    median: float
    p95: float
    under_share: float
    failure_share: float
    coverage: float | None
    seconds: float | None


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile, interpolated between the two nearest values as numpy does by default.

    Args:
        values: At least one.
        share: 0.95 for the 95th percentile.
    """
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def relative_error(estimate: Estimate, measured_mib: float) -> float:
    """Return how much too high an estimate is."""
    return estimate.mib / measured_mib - 1


def score(cases: Sequence[Case], estimator: str) -> Score | None:
    """Score one estimator over the runs that it has an estimate for; None if there are none."""
    judged = [(case.estimates[estimator], case) for case in cases if estimator in case.estimates]
    if not judged:
        return None
    errors = [relative_error(estimate, case.measured_mib) for estimate, case in judged]
    failures = [case.measured_mib > estimate.mib * (1 + MARGIN) for estimate, case in judged]
    covered = [
        estimate.low <= case.measured_mib <= estimate.high
        for estimate, case in judged
        if case.dynamic and estimate.low is not None and estimate.high is not None
    ]
    times = [estimate.seconds for estimate, _case in judged if estimate.seconds is not None]
    return Score(
        num_runs=len(judged),
        median=statistics.median(map(abs, errors)),
        p95=percentile([abs(error) for error in errors], 0.95),
        under_share=statistics.fmean(error < -UNDER for error in errors),
        failure_share=statistics.fmean(failures),
        coverage=statistics.fmean(covered) if covered else None,
        seconds=statistics.median(times) if times else None,
    )


def groups(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Split predicted runs by length and by tier and length; a group that repeats an earlier one is left out."""
    kinds = {"fixed": False, "dynamic": True}
    split = {"all lengths": list(cases)}
    split |= {f"{name} length": [case for case in cases if case.dynamic is kind] for name, kind in kinds.items()}
    for tier in sorted({case.tier for case in cases}):
        for name, kind in kinds.items():
            split[f"tier {tier}, {name} length"] = [
                case for case in cases if case.tier == tier and case.dynamic is kind
            ]
    distinct: dict[str, list[Case]] = {}
    for name, members in split.items():
        if members and members not in distinct.values():
            distinct[name] = members
    return distinct


def estimators(cases: Sequence[Case]) -> list[str]:
    """Return every estimator that says something about these runs, ours first, in order of first appearance."""
    from accuracy.case import OURS

    seen = dict.fromkeys(name for case in cases for name in case.estimates)
    return sorted(seen, key=lambda name: not name.startswith(OURS))
