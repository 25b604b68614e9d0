"""The search: at most three measured shapes, the first of them the largest that is predicted to be safe."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recipe_kb.tune.candidates import Forecast, Forecaster, Shape, largest_within
from recipe_kb.tune.following import following
from recipe_kb.tune.trial import TIE, Measure, Room, Trial, why_unsafe

MOST_PROBES = 3


@dataclass(frozen=True, kw_only=True)
class Search:
    """What was tried, in order; `best` is None if nothing of it is safe."""

    trials: tuple[Trial, ...]
    best: Trial | None


def search(choices: Sequence[Shape], forecast: Forecaster, measure: Measure, room: Room) -> Search:
    """Find the fastest safe shape with at most three probes.

    Args:
        choices: From `shapes`, the smallest batch first.
        forecast: Predicts memory and the bound of the throughput.
        measure: Runs one probe; whatever becomes of it is a verdict, not an error.
        room: Of this GPU.
    """
    trials: list[Trial] = []
    shape = largest_within(choices, forecast, room.usable_bytes)
    while shape is not None:
        trials.append(_tried(shape, forecast(shape), measure, room))
        shape = following(choices, forecast, trials, room) if len(trials) < MOST_PROBES else None
    judged = _without_larger(trials)
    return Search(trials=judged, best=fastest(judged))


def fastest(trials: Sequence[Trial]) -> Trial | None:
    """Return the fastest of the safe trials; of those that tie with it the one with the smallest batch."""
    safe = [trial for trial in trials if trial.unsafe is None]
    if not safe:
        return None
    enough = (1 - TIE) * max(trial.samples_per_s for trial in safe)
    return min((trial for trial in safe if trial.samples_per_s >= enough), key=lambda trial: trial.shape.batch)


def _tried(shape: Shape, forecast: Forecast, measure: Measure, room: Room) -> Trial:
    measurement = measure(shape.batch, shape.accumulation)
    return Trial(shape=shape, forecast=forecast, measurement=measurement, unsafe=why_unsafe(measurement, room))


def _without_larger(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Mark what is larger than a batch that failed: whatever disturbed the smaller one can disturb it too."""
    failed = [trial.shape.batch for trial in trials if trial.unsafe]
    return tuple(
        replace(trial, unsafe="smaller-failed")
        if trial.unsafe is None and any(batch < trial.shape.batch for batch in failed)
        else trial
        for trial in trials
    )
