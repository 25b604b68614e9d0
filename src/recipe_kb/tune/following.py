"""What to measure next, given what was measured: a larger batch where there is room for it, else half."""

from collections.abc import Sequence

from recipe_kb.tune.candidates import Forecaster, Shape, largest_within
from recipe_kb.tune.trial import HOPELESS, TIE, Room, Trial

MUCH_LARGER = 1.25
"""A batch that is so many times larger is tried before half of it: it can gain more than half can save."""

_CORRECTION_ERROR = 0.005
"""Share by which a prediction may still be off that was corrected by the measured peak of a neighbour."""

_SHRINK = (0.7, 0.35)
"""After one batch that was not safe, and after two: the share of the first one's memory beyond the smallest batch's."""


def following(choices: Sequence[Shape], forecast: Forecaster, trials: Sequence[Trial], room: Room) -> Shape | None:
    """Choose the next shape.

    Args:
        choices: The smallest batch first.
        forecast: Predicts memory and the bound of the throughput.
        trials: What was measured, in order; at least one.
        room: Of this GPU.

    Returns:
        None if nothing that is left can win.
    """
    if trials[-1].measurement.verdict in HOPELESS:
        return None
    failed = [trial for trial in trials if trial.unsafe]
    below = [shape for shape in choices if all(shape.batch < trial.shape.batch for trial in failed)]
    safe = sorted((trial for trial in trials if trial.shape in below), key=lambda trial: trial.shape.batch)
    if not safe:
        shape = largest_within(below, forecast, _shrunk(choices, forecast, failed, room)) or next(iter(below), None)
    elif failed:
        shape = largest_within(below, forecast, _between(safe[-1], failed))
    else:
        shape = _beside_the_safe(below, forecast, safe, room)
    if shape is None or any(shape == trial.shape for trial in trials):
        return None
    most = forecast(shape).most_samples_per_s
    return None if most is not None and most < (1 - TIE) * max(trial.samples_per_s for trial in trials) else shape


def time_line(one: Trial, other: Trial) -> tuple[float, float]:
    """Return a and b of the line a / batch + b, in seconds per sample, through two measured trials.

    A micro-batch takes a fixed time and a time per row; what an optimizer step takes besides does not change as long as
    its samples do not.
    """
    fixed_s = (1 / one.samples_per_s - 1 / other.samples_per_s) / (1 / one.shape.batch - 1 / other.shape.batch)
    return fixed_s, 1 / one.samples_per_s - fixed_s / one.shape.batch


def _beside_the_safe(below: Sequence[Shape], forecast: Forecaster, safe: Sequence[Trial], room: Room) -> Shape | None:
    """Choose when everything so far is safe: a larger one that the measured peak shows to have room, or half."""
    largest, smallest = safe[-1], safe[0]
    larger = _larger(below, forecast, largest, room)
    if larger is not None and larger.batch >= MUCH_LARGER * largest.shape.batch:
        return larger
    half = next((shape for shape in reversed(below) if shape.batch <= smallest.shape.batch / 2), None)
    if len(safe) == 1:
        return half or larger
    fixed_s, row_s = time_line(smallest, largest)
    if fixed_s <= 0:  # the smaller is faster; a still smaller one may be
        return half if smallest.samples_per_s > (1 + TIE) * largest.samples_per_s else None
    gains = larger is not None and 1 / (fixed_s / larger.batch + row_s) > (1 + TIE) * largest.samples_per_s
    return larger if gains else None


def _larger(below: Sequence[Shape], forecast: Forecaster, largest: Trial, room: Room) -> Shape | None:
    """Return the largest that fits by predictions that are corrected by the measured peak; None without a gain."""
    measured = largest.measurement.peak_reserved_bytes
    if not measured:
        return None
    corrected = room.most_measured_bytes / (1 + _CORRECTION_ERROR) / measured * largest.forecast.reserved_bytes
    shape = largest_within(below, forecast, corrected)
    return shape if shape and shape.batch > largest.shape.batch else None


def _between(safe: Trial, failed: Sequence[Trial]) -> float:
    """Return the memory half way from what was safe to the smallest that was not."""
    smallest = min(failed, key=lambda trial: trial.shape.batch)
    return (safe.forecast.reserved_bytes + smallest.forecast.reserved_bytes) / 2


def _shrunk(choices: Sequence[Shape], forecast: Forecaster, failed: Sequence[Trial], room: Room) -> float:
    """Return how much memory the next one may be predicted to reserve, when nothing has been safe so far."""
    last = failed[-1]
    measured = last.measurement.peak_reserved_bytes
    if last.unsafe == "tight" and measured:  # by how much the prediction was off is known
        return room.most_measured_bytes / (1 + _CORRECTION_ERROR) / measured * last.forecast.reserved_bytes
    least = forecast(choices[0]).reserved_bytes
    return least + _SHRINK[len(failed) - 1] * (failed[0].forecast.reserved_bytes - least)
