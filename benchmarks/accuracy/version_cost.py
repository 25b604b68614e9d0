"""What it costs to predict with another transformers version than the one that ran."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from accuracy.case import OURS, Case


@dataclass(frozen=True, kw_only=True)
class VersionCost:
    """How far predictions of the same runs lie apart, as fractions of the first one."""

    version: str
    num_runs: int
    median: float
    largest: float
    largest_id: str


def estimator_of(version: str) -> str:
    """Name the estimator that predicts with this version instead."""
    return f"{OURS} @{version}"


def cost(cases: Sequence[Case], version: str) -> VersionCost | None:
    """Compare over all runs that both versions predict; None if there are none."""
    other = estimator_of(version)
    both = [case for case in cases if OURS in case.estimates and other in case.estimates]
    if not both:
        return None
    apart = {case.id: abs(case.estimates[other].mib / case.estimates[OURS].mib - 1) for case in both}
    largest_id = max(apart, key=apart.__getitem__)
    return VersionCost(
        version=version,
        num_runs=len(both),
        median=statistics.median(apart.values()),
        largest=apart[largest_id],
        largest_id=largest_id,
    )
