"""New evidence of a recipe against recorded evidence: the same, better, worse, or not to be compared."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recipe_kb.regress.conditions import Difference, differences
from recipe_kb.regress.metrics import METRICS, Row, compare_metric
from recipe_kb.resolve.evidence_files import read_evidence, started_at
from recipe_kb.schema.evidence import Evidence, Verdict

Outcome = Literal["same", "improved", "regression", "failed", "not_comparable", "no_baseline"]

WORST_FIRST: tuple[Verdict, ...] = (
    "crash",
    "timeout",
    "oom",
    "not_finite",
    "no_progress",
    "alloc_retries",
    "unsupported",
    "passed",
)
"""Which verdict stands for several repeats: one that fails sometimes does not work."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """Largest change for the worse that is no finding, as a share of what was before.

    Attributes:
        memory: More peak memory. Torch's allocator repeats itself to the byte; one more segment on a small run is two
            percent of a gigabyte.
        throughput: Fewer samples per second; clocks and temperature move it by a few percent.
        loss: Another mean loss at the start, either way; kernels that add in no fixed order move it by far less.
    """

    memory: float = 0.03
    throughput: float = 0.10
    loss: float = 0.05


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What came of it.

    Attributes:
        outcome: `same`, `improved`; `regression` is a figure beyond its tolerance, or a recipe that passed under the
            same conditions and now does not; `failed` did not pass, and nothing tells whether it ever did under these
            conditions; `not_comparable` and `no_baseline` are neither a finding nor a pass.
        run: The run that speaks for all repeats: the worst, of equals the last.
        num_runs: Repeats of now.
        num_failed: How many of them did not pass.
        baseline: What was compared with: the newest record under the same conditions and others of its day; of a day
            with an undisturbed one, if there is such a day.
        rows: The figures; empty where there is nothing to compare them with.
        differences: What differs from the record that is most alike, where none is under the same conditions.
        wall_s: Seconds of all repeats.
    """

    outcome: Outcome
    run: Evidence
    num_runs: int
    num_failed: int
    baseline: tuple[Evidence, ...] = ()
    rows: tuple[Row, ...] = ()
    differences: tuple[Difference, ...] = ()
    wall_s: float = 0.0


def baseline_of(root: Path, evidence: Evidence, *, without: Collection[Path] = ()) -> list[Evidence]:
    """Find recorded evidence to compare a run with; what is recorded last is what counts, so it is recorded on purpose.

    Args:
        root: The folder of the knowledge base.
        evidence: The run.
        without: Files that do not count: what this very run has recorded.

    Returns:
        Passed records of the same recipe, mode, GPU and emulated card, newest first; those of the same text of the
        recipe, if there is one. Those that were disturbed are among them: their memory was not.

    Raises:
        BadInputError: A file of its evidence cannot be read (KB115); it may be the baseline.
    """
    folder = root / "evidence" / evidence.recipe
    skipped = {path.resolve() for path in without}
    kept = [read_evidence(path, str(path)) for path in sorted(folder.glob("*.json")) if path.resolve() not in skipped]
    alike = [one for one in kept if _place(one) == _place(evidence) and one.verdict == "passed"]
    text = evidence.fingerprint.get("recipe_sha256")
    of_this_text = [one for one in alike if one.fingerprint.get("recipe_sha256") == text]
    return sorted(of_this_text or alike, key=started_at, reverse=True)


def compare(runs: Sequence[Evidence], baseline: Sequence[Evidence], tolerance: Tolerance | None = None) -> Comparison:
    """Compare repeats of one recipe with what is on record.

    Args:
        runs: Repeats of now, at least one, in any order.
        baseline: Passed records, in any order.
        tolerance: Per kind of figure; its defaults if None.
    """
    assert runs, "there is nothing to compare"  # noqa: S101 - our own mistake
    limits = vars(tolerance or Tolerance())
    run = worst(runs)
    differing = [(_differences(one, runs), one) for one in sorted(baseline, key=started_at, reverse=True)]
    agreeing = [one for differs, one in differing if not differs]
    newest = next((one for one in agreeing if not one.not_comparable), agreeing[0] if agreeing else None)
    same_day = tuple(one for one in agreeing if newest and started_at(one).date() == started_at(newest).date())
    rows = tuple(compare_metric(metric, runs, same_day, limits[metric.kind]) for metric in METRICS if same_day)
    return Comparison(
        outcome=_outcome(run, rows, has_baseline=bool(baseline), agrees=bool(agreeing)),
        run=run,
        num_runs=len(runs),
        num_failed=sum(one.verdict != "passed" for one in runs),
        baseline=same_day,
        rows=rows,
        differences=() if agreeing or not differing else min((found for found, _one in differing), key=len),
        wall_s=sum(one.measured.wall_s for one in runs if one.measured),
    )


def worst(runs: Sequence[Evidence]) -> Evidence:
    """Return the run that speaks for repeats of one recipe: the worst, of equals the last."""
    return min(runs, key=lambda one: (WORST_FIRST.index(one.verdict), -started_at(one).timestamp(), repr(one)))


def _outcome(run: Evidence, rows: Sequence[Row], *, has_baseline: bool, agrees: bool) -> Outcome:
    if run.verdict != "passed":
        if agrees:
            return "regression"
        return "not_comparable" if run.verdict == "unsupported" else "failed"
    if not agrees:
        return "not_comparable" if has_baseline else "no_baseline"
    findings = {row.finding for row in rows}
    if "worse" in findings:
        return "regression"
    if any(row.why in {"not_comparable", "measured_on_one_side"} for row in rows) or findings == {"not_compared"}:
        return "not_comparable"
    return "improved" if "better" in findings else "same"


def _differences(before: Evidence, runs: Sequence[Evidence]) -> tuple[Difference, ...]:
    """List what differs from any of the runs, in a fixed order, each once."""
    found: list[Difference] = []
    for run in sorted(runs, key=repr):
        found += [one for one in differences(before, run) if one not in found]
    return tuple(found)


def _place(evidence: Evidence) -> tuple[str | int | None, ...]:
    """Say what was probed where, which must be as in the run: recipe, mode, GPU, how many, how they share."""
    played = evidence.emulation
    emulated = (played.gpu, played.capped_at) if played else (None, None)
    together = (evidence.num_gpus, evidence.parallel)
    return (evidence.recipe, evidence.mode, evidence.gpu_name, *together, *emulated)
