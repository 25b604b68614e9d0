"""The result as JSON, with every run: `schema` changes when a key is renamed."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from accuracy.case import OURS, Case
from accuracy.report import TITLES
from accuracy.scoring import UNDER, estimators, groups, relative_error, score
from accuracy.version_cost import VersionCost
from recipe_kb.memory.predict import MARGIN

SCHEMA = "memory-accuracy/1"


def json_report(cases: Sequence[Case], version_cost: VersionCost | None) -> dict[str, Any]:
    """Return everything; sizes in MiB, errors and shares as fractions, times in seconds."""
    predicted = [case for case in cases if OURS in case.estimates]
    return {
        "schema": SCHEMA,
        "margin": MARGIN,
        "under": UNDER,
        "installed": {name: version(name) for name in ("torch", "transformers", "accelerate")},
        "sets": {name: _scores([case for case in predicted if case.set == name]) for name in TITLES},
        "version_cost": asdict(version_cost) if version_cost else None,
        "rows": [_run(case) for case in cases],
    }


def _scores(cases: Sequence[Case]) -> dict[str, Any]:
    return {
        group: {
            estimator: asdict(value)
            for estimator in estimators(members)
            if (value := score(members, estimator)) is not None
        }
        for group, members in groups(cases).items()
    }


def _run(case: Case) -> dict[str, Any]:
    return {
        "id": case.id,
        "tier": case.tier,
        "set": case.set,
        "measured_mib": case.measured_mib,
        "spec": asdict(case.spec) if case.spec else None,
        "transformers": case.transformers,
        "estimates": {
            name: asdict(estimate) | {"error": relative_error(estimate, case.measured_mib)}
            for name, estimate in case.estimates.items()
        },
        "failures": case.failures,
        "reason": None if OURS in case.estimates else case.reason,
        "notes": case.notes,
    }
