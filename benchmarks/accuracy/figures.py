"""The few numbers of the result that pages quote; errors and shares are fractions."""

from collections.abc import Sequence
from typing import Any

from accuracy.case import OURS, Case
from accuracy.scoring import UNDER, score
from recipe_kb.memory.predict import MARGIN

OTHERS = {
    "xmem": "xMem",
    "dnnmem": "DNNMem",
    "accelerate": "accelerate",
    "weights_rule": "weights x4 x1.3",
}
"""Name in the figures -> estimator, each scored on every run that it says something about."""


def quoted_figures(cases: Sequence[Case]) -> dict[str, Any]:
    """Return what pages quote of the public table.

    Args:
        cases: One for each of its rows, predicted or not.
    """
    predicted = [case for case in cases if OURS in case.estimates]
    fixed = [case for case in predicted if not case.dynamic]
    varying = [case for case in predicted if case.dynamic]
    return {
        "num_runs": len(cases),
        "num_predicted": len(predicted),
        "num_half_precision": sum(case.spec is not None and case.spec.precision != "fp32" for case in predicted),
        "margin": MARGIN,
        "under": UNDER,
        "all": _quoted(predicted, OURS),
        "fixed": _quoted(fixed, OURS) | {"worst": _worst(fixed)},
        "varying": _quoted(varying, OURS) | {"worst": _worst(varying)},
        **{name: _quoted(predicted, estimator) for name, estimator in OTHERS.items()},
    }


def _quoted(cases: Sequence[Case], estimator: str) -> dict[str, Any]:
    found = score(cases, estimator)
    if found is None:
        return {"num_runs": 0}
    quoted = {
        "num_runs": found.num_runs,
        "median_error": found.median,
        "p95_error": found.p95,
        "under_share": found.under_share,
        "out_of_memory_share": found.failure_share,
    }
    return quoted if found.coverage is None else quoted | {"in_interval_share": found.coverage}


def _worst(cases: Sequence[Case]) -> dict[str, Any]:
    """Return the run that we are furthest off; its error is positive where too much was predicted."""
    judged = [(case.error, case) for case in cases if case.error is not None]
    if not judged:
        return {}
    error, case = max(judged, key=lambda pair: abs(pair[0]))
    assert case.spec is not None
    return {"id": case.id, "model": case.spec.model, "batch": case.spec.batch, "error": error}
