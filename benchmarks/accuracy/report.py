"""The result as text: one table per set, then what was not predicted and why."""

from collections.abc import Sequence

from accuracy.case import OURS, Case
from accuracy.scoring import UNDER, Score, estimators, groups, score
from accuracy.version_cost import VersionCost
from recipe_kb.memory.predict import MARGIN

TITLES = {
    "in-sample": "In-sample: runs that the predictor was made with in sight",
    "held-out": "Held-out: runs that it was only ever scored on",
}
LEGEND = f"""\
median, p95   of |predicted - measured| / measured
under         predicted more than {UNDER:.0%} too little
PEF           would run out of memory if capped at the prediction plus {MARGIN:.0%}
in interval   of runs with dynamic lengths: measured within the stated interval
s             median seconds per prediction"""
_COLUMNS = ("n", "median", "p95", "under", "PEF", "in interval", "s")
_RUN_COLUMNS = ("id", "model", "optimizer", "batch", "length", "transformers", "measured", "predicted", "error")


def text_report(cases: Sequence[Case], version_cost: VersionCost | None, *, each: bool) -> str:
    """Write everything that people read.

    Args:
        cases: All of them, predicted or not.
        version_cost: What another transformers version changes, if that was asked.
        each: Whether each run gets a line.
    """
    predicted = [case for case in cases if OURS in case.estimates]
    parts = []
    for name, title in TITLES.items():
        members = [case for case in predicted if case.set == name]
        total = sum(case.set == name for case in cases)
        if total:
            parts.append(f"{title}: {len(members)} of {total} predicted\n\n{_scores(members)}".rstrip())
        if each and members:
            parts.append(_runs(members))
    if version_cost:
        parts.append(_version_line(version_cost))
    parts += [_notes(cases), _not_predicted(cases)]
    if predicted:
        parts.append(LEGEND)
    return "\n\n".join(part for part in parts if part)


def _scores(cases: Sequence[Case]) -> str:
    lines = list[list[str]]()
    for name, members in groups(cases).items():
        scored = {estimator: score(members, estimator) for estimator in estimators(members)}
        lines.append([f"{name} ({len(members)})"])
        lines += [[f"  {estimator}", *_cells(value)] for estimator, value in scored.items() if value]
    return _aligned([["", *_COLUMNS], *lines]) if lines else ""


def _cells(value: Score) -> list[str]:
    return [
        str(value.num_runs),
        f"{value.median:.2%}",
        f"{value.p95:.2%}",
        f"{value.under_share:.0%}",
        f"{value.failure_share:.0%}",
        "-" if value.coverage is None else f"{value.coverage:.0%}",
        "-" if value.seconds is None else f"{value.seconds:.2f}",
    ]


def _runs(cases: Sequence[Case]) -> str:
    lines = [list(_RUN_COLUMNS)]
    for case in cases:
        spec, error = case.spec, case.error
        assert spec is not None
        assert error is not None
        lines.append(
            [
                case.id,
                spec.model,
                spec.optimizer,
                f"{spec.batch}x{spec.accumulation}",
                f"<={spec.length}" if spec.dynamic else str(spec.length),
                case.transformers or spec.transformers,
                f"{case.measured_mib:.0f}",
                f"{case.estimates[OURS].mib:.0f}",
                f"{error:+.2%}",
            ]
        )
    return _aligned(lines, left=3)


def _version_line(cost: VersionCost) -> str:
    return (
        f"Predicted with transformers {cost.version} instead, {cost.num_runs} runs change by {cost.median:.2%} in the "
        f"median and {cost.largest:.2%} at most ({cost.largest_id})."
    )


def _notes(cases: Sequence[Case]) -> str:
    """List what was assumed or is odd, once per wording, with the ids it holds for."""
    ids: dict[str, list[str]] = {}
    for case in cases:
        for note in dict.fromkeys(case.notes):
            ids.setdefault(note, []).append(case.id)
        for estimator, reason in case.failures.items():
            if not estimator.startswith(OURS) or OURS in case.estimates:
                ids.setdefault(f"{estimator} fails: {reason}", []).append(case.id)
    return _listed("Notes", ids)


def _not_predicted(cases: Sequence[Case]) -> str:
    ids: dict[str, list[str]] = {}
    for case in cases:
        if OURS not in case.estimates:
            ids.setdefault(case.reason or "no answer", []).append(case.id)
    return _listed("Not predicted", ids)


def _listed(title: str, ids: dict[str, list[str]]) -> str:
    if not ids:
        return ""
    return "\n".join([title, *(f"  {' '.join(members)}: {what}" for what, members in ids.items())])


def _aligned(lines: Sequence[Sequence[str]], left: int = 1) -> str:
    """Align columns: the first `left` to the left, numbers to the right; a line of one cell spans the table."""
    table = [line for line in lines if len(line) > 1]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    shown = []
    for line in lines:
        cells = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=False))
        ]
        shown.append("  ".join(cells).rstrip())
    return "\n".join(shown)
