"""One measured run on its way through the benchmark: what was measured, and what everybody says about it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from accuracy import words
from accuracy.fields import spec_of_row
from accuracy.spec import CannotPredictError, RowPrediction, RowSpec
from accuracy.table import MeasuredRow

OURS = "recipe-kb"
Set = Literal["in-sample", "held-out"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one estimator says, in MiB of the row's own counter; `low` and `high` where it states an interval."""

    mib: float
    seconds: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(kw_only=True)
class Case:
    """A measured run; `spec` is None, and `reason` says why, if it cannot be predicted.

    `estimates` and `failures` are filled by estimator while the benchmark runs.
    """

    id: str
    tier: str
    set: Set
    measured_mib: float
    spec: RowSpec | None
    reason: str | None = None
    estimates: dict[str, Estimate] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    transformers: str | None = None

    @property
    def dynamic(self) -> bool:
        """Whether lengths varied from step to step."""
        return self.spec is not None and self.spec.dynamic

    @property
    def error(self) -> float | None:
        """Relative error of our prediction; positive is too much."""
        ours = self.estimates.get(OURS)
        return None if ours is None else ours.mib / self.measured_mib - 1


def cases_of_table(rows: Iterable[MeasuredRow], public_ids: frozenset[str], current: str) -> Iterator[Case]:
    """Make a case of each row.

    Args:
        rows: Of a table.
        public_ids: Ids of the public table: the predictor was made with these rows in sight.
        current: The installed version of transformers.
    """
    for row in rows:
        case = Case(
            id=row.id,
            tier=row.tier,
            set="in-sample" if row.id in public_ids else "held-out",
            measured_mib=row.measured_mib,
            spec=None,
            estimates={name: Estimate(mib=mib) for name, mib in row.published.items()},
        )
        if "xMem" in row.published:
            seconds = words.xmem_seconds(row.text["conditions"])
            case.estimates["xMem"] = Estimate(mib=row.published["xMem"], seconds=seconds)
        try:
            case.spec = spec_of_row(row, current)
        except CannotPredictError as error:
            case.reason = str(error)
        else:
            case.notes += case.spec.notes
        yield case


def record_answer(case: Case, given: dict[str, Any], estimator: str = OURS) -> None:
    """Enter what a child answered.

    Args:
        case: The one that was asked about.
        given: An answer of `accuracy.workers.answers`.
        estimator: Under which name its prediction is entered.
    """
    assert case.spec is not None
    if "prediction" in given:
        prediction = RowPrediction.from_json(given["prediction"])
        mib = prediction.counted(case.spec.counter)
        case.estimates[estimator] = Estimate(
            mib=mib, seconds=prediction.seconds, low=prediction.low, high=prediction.high
        )
    else:
        case.failures[estimator] = given["reason"]
    if estimator != OURS:
        return
    if "prediction" in given:
        case.notes += prediction.notes
    else:
        case.reason = given["reason"]
    case.transformers = given.get("transformers")
    case.notes += [given["fallback"]] if "fallback" in given else []
    _record_rules(case, given.get("rules", {}))
    _record_mem_tracker(case, given.get("mem_tracker", {}))


def _record_rules(case: Case, given: dict[str, Any]) -> None:
    if "reason" in given:
        case.failures["rules of thumb"] = given["reason"]
        return
    seconds = given.get("seconds")
    for name, mib in given.items():
        if name != "seconds":
            case.estimates[name] = Estimate(mib=mib, seconds=seconds)


def _record_mem_tracker(case: Case, given: dict[str, Any]) -> None:
    if "reason" in given:
        case.failures["MemTracker"] = given["reason"]
    elif given:
        case.estimates["MemTracker"] = Estimate(mib=given["mib"], seconds=given["seconds"])
        case.notes += ["MemTracker: attention mask left out"] if given["without_mask"] else []
