"""One measured figure before and now: what may change by how much. Pure arithmetic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from recipe_kb.schema.evidence import Evidence

Kind = Literal["memory", "throughput", "loss"]
Better = Literal["less", "more", "same"]
Finding = Literal["same", "worse", "better", "not_compared"]
Why = Literal["not_measured", "measured_on_one_side", "not_comparable", "other_schedule"]
"""Why a figure is not compared: no such counter here, a counter lost or gained, another process or throttling in every
run, another number of steps and so another learning rate."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A figure of `Measured`, the tolerance it has, and which change is for the better."""

    name: str
    kind: Kind
    better: Better


METRICS = (
    Metric(name="peak_allocated_bytes", kind="memory", better="less"),
    Metric(name="peak_reserved_bytes", kind="memory", better="less"),
    Metric(name="samples_per_s", kind="throughput", better="more"),
    # Weights, data and order are seeded, so another loss at the start means that another thing was trained.
    Metric(name="loss_first", kind="loss", better="same"),
)
"""What is compared. NVML's memory is not: it holds other processes, and the context of whatever driver runs."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure compared.

    Attributes:
        name: Of the figure in `Measured`.
        before: Median of the baseline; None where it has no such figure.
        now: Median of the runs.
        change: Share of `before`: 0.03 is three percent more; None where there is none.
        limit: Largest change for the worse that is no finding, as a share.
        better: Which change is for the better; `same`: none is.
        finding: What it comes to.
        why: Why it is not compared.
    """

    name: str
    before: float | None
    now: float | None
    change: float | None
    limit: float
    better: Better
    finding: Finding
    why: Why | None = None


def compare_metric(metric: Metric, runs: Sequence[Evidence], baseline: Sequence[Evidence], limit: float) -> Row:
    """Compare one figure, median against median.

    Args:
        metric: Which.
        runs: Repeats of now, in any order.
        baseline: Repeats of before, in any order.
        limit: Largest change for the worse that is no finding, as a share.
    """
    before, now = _median(metric, baseline), _median(metric, runs)
    why = _why_not(metric, runs, baseline, before, now)
    if before is None or now is None or why:
        finding: Finding = "not_compared"
        change = None
    else:
        finding = _finding(metric.better, before, now, limit)
        change = now / before - 1 if before else None
    return Row(
        name=metric.name,
        before=before,
        now=now,
        change=change,
        limit=limit,
        better=metric.better,
        finding=finding,
        why=why,
    )


def _finding(better: Better, before: float, now: float, limit: float) -> Finding:
    # Products, not the quotient: 103 of 100 is exactly three percent more only this way.
    more, less = now > before * (1 + limit), now < before * (1 - limit)
    if better == "same":
        return "worse" if more or less else "same"
    if more:
        return "worse" if better == "less" else "better"
    if less:
        return "better" if better == "less" else "worse"
    return "same"


def _why_not(
    metric: Metric, runs: Sequence[Evidence], baseline: Sequence[Evidence], before: float | None, now: float | None
) -> Why | None:
    if before is None and now is None:
        disturbed = any(_value(metric, one) is not None for one in (*runs, *baseline))
        return "not_comparable" if disturbed else "not_measured"
    if before is None or now is None:
        lost = runs if now is None else baseline
        return "not_comparable" if any(_value(metric, one) is not None for one in lost) else "measured_on_one_side"
    if metric.kind == "loss" and len({_schedule(one) for one in (*runs, *baseline)}) > 1:
        return "other_schedule"
    return None


def _schedule(evidence: Evidence) -> int | None:
    """Tell runs of different learning-rate schedules apart; those that ended by themselves all had the longest one."""
    measured = evidence.measured
    return measured.num_steps if measured and measured.stable is None else None


def _median(metric: Metric, evidence: Sequence[Evidence]) -> float | None:
    """Return the median of those that measured it undisturbed; memory and loss are the process's own."""
    fit = [one for one in evidence if metric.kind != "throughput" or not one.not_comparable]
    values = [value for value in (_value(metric, one) for one in fit) if value is not None]
    return median(values) if values else None


def _value(metric: Metric, evidence: Evidence) -> float | None:
    value: float | None = getattr(evidence.measured, metric.name) if evidence.measured else None
    return value if value is not None and math.isfinite(value) and value >= 0 else None
