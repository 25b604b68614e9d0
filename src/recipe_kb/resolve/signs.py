"""What the guides would say of a run: its figures held against their thresholds. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from recipe_kb.schema.claim import Verdict
from recipe_kb.schema.evidence import GpuLoad, Measured
from recipe_kb.schema.signs import Metric, Sign
from recipe_kb.units import GIB

Place = Literal["below", "within", "above"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One figure against one threshold.

    Attributes:
        sign: The threshold; `sign.verdict` and `sign.reason` say what it is worth.
        value: What was measured, in the unit of `sign.metric`.
        place: Where that lies.
    """

    sign: Sign
    value: float
    place: Place

    @property
    def verdict(self) -> Verdict:
        """The verdict on the threshold, not on the run."""
        return self.sign.verdict


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What was measured of a run; None where nothing was."""

    measured: Measured | None
    load: GpuLoad | None
    limit_bytes: int | None


def signs_of(
    signs: Iterable[Sign],
    measured: Measured | None,
    gpu_load: GpuLoad | None,
    limit_bytes: int | None,
    *,
    gpu_id: str | None = None,
) -> list[Reading]:
    """Read the signs of a run.

    Args:
        signs: Of kb/signs.yaml.
        measured: Figures of the run.
        gpu_load: What NVML said meanwhile.
        limit_bytes: What torch's allocator may reserve on the card.
        gpu_id: The card; a sign of another one gives no reading, and none of a single card does where it is None.

    Returns:
        One reading for each sign whose metric was measured, in the order of the signs.
    """
    run = _Run(measured=measured, load=gpu_load, limit_bytes=limit_bytes)
    readings = []
    for sign in signs:
        value = METRICS[sign.metric](run) if sign.gpu in {None, gpu_id} else None
        if value is not None:
            readings.append(Reading(sign=sign, value=value, place=place_of(sign, value)))
    return readings


def place_of(sign: Sign, value: float) -> Place:
    """Say on which side of a threshold a value lies; the thresholds themselves are within."""
    if sign.low is not None and value < sign.low:
        return "below"
    if sign.high is not None and value > sign.high:
        return "above"
    return "within"


def odd_bounds(sign: Sign) -> bool:
    """Say whether a sign has no threshold, a lower one above the upper, or words for a side without one."""
    if sign.low is None and sign.high is None:
        return True
    if sign.low is not None and sign.high is not None and sign.low > sign.high:
        return True
    return (sign.low is None and sign.below is not None) or (sign.high is None and sign.above is not None)


def sign_references(signs: Iterable[Sign]) -> Iterator[tuple[Literal["claim", "gpu"], str, tuple[str | int, ...]]]:
    """Yield every reference of the file: what kind of name, the name, the place that says it."""
    for index, sign in enumerate(signs):
        for position, claim in enumerate(sign.claims):
            yield "claim", claim, ("signs", index, "claims", position)
        if sign.gpu is not None:
            yield "gpu", sign.gpu, ("signs", index, "gpu")


def _memory_share(run: _Run) -> float | None:
    reserved = run.measured.peak_reserved_bytes if run.measured else None
    return reserved / run.limit_bytes if reserved is not None and run.limit_bytes else None


def _device_used_gib(run: _Run) -> float | None:
    """Prefer the highest of many readings to the one at the end."""
    used = run.load.device_used_bytes if run.load else None
    if used is None and run.measured is not None:
        used = run.measured.device_used_bytes
    return None if used is None else used / GIB


def _steps_per_s(run: _Run) -> float | None:
    time_s = run.measured.step_time_s_median if run.measured else None
    return 1 / time_s if time_s else None


METRICS: dict[Metric, Callable[[_Run], float | None]] = {
    "kernel_time_share": lambda run: run.load.kernel_time_share if run.load else None,
    "memory_share": _memory_share,
    "device_used_gib": _device_used_gib,
    "steps_per_s": _steps_per_s,
    "samples_per_s": lambda run: run.measured.samples_per_s if run.measured else None,
}
"""How each metric is taken from a run."""
