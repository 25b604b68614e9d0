"""One probe of the search: what was measured, and whether it is safe to recommend."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from recipe_kb.tune.candidates import Forecast, Shape

if TYPE_CHECKING:
    from recipe_kb.schema.evidence import Evidence, Verdict

TIE = 0.01
"""Throughputs that differ by less than this share count as the same: the smaller batch leaves more memory free."""

KEPT_FREE = 0.02
"""Share of a measured peak that must stay free: what another run of the same may take more."""

HOPELESS = frozenset({"unsupported", "not_finite"})
"""Verdicts that no other batch would change."""

_RAN = frozenset({"passed", "no_progress"})
"""Verdicts of runs that were measured to the end; whether the loss falls is no question of the batch's memory."""

Unsafe = Literal["ran-out", "retried", "tight", "failed", "smaller-failed"]
"""Why a batch is not recommended: memory ran out; the allocator had to give its cache back; less than `KEPT_FREE`
stayed free; the run did not end well for another reason; a smaller batch was unsafe."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What came of one probe; None where it gave no such figure.

    `retries` counts how often the allocator had to give its cache back; `evidence` is the record of the probe.
    """

    verdict: "Verdict"
    samples_per_s: float | None
    peak_reserved_bytes: int | None
    retries: int | None
    evidence: "Evidence | None" = None


Measure = Callable[[int, int], Measurement]
"""From batch and accumulation to what was measured."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A shape with what was predicted and what was measured; `unsafe` is None where it may be recommended."""

    shape: Shape
    forecast: Forecast
    measurement: Measurement
    unsafe: Unsafe | None

    @property
    def samples_per_s(self) -> float:
        """The measured throughput; 0 where there is none."""
        return self.measurement.samples_per_s or 0.0


@dataclass(frozen=True, kw_only=True)
class Room:
    """Memory that the caching allocator may hold on this GPU.

    Attributes:
        limit_bytes: All of it.
        usable_bytes: What may be predicted at most, so that the margin of the prediction stays free.
    """

    limit_bytes: int
    usable_bytes: int

    @property
    def most_measured_bytes(self) -> int:
        """What may be measured at most."""
        return int(self.limit_bytes / (1 + KEPT_FREE))


def why_unsafe(measurement: Measurement, room: Room) -> Unsafe | None:
    """Say why a batch is not to be recommended by its own probe; None if it may be."""
    if measurement.verdict == "oom":
        return "ran-out"
    if measurement.retries or measurement.verdict == "alloc_retries":
        return "retried"
    if measurement.verdict not in _RAN or not measurement.samples_per_s:
        return "failed"
    if (measurement.peak_reserved_bytes or 0) > room.most_measured_bytes:
        return "tight"
    return None
