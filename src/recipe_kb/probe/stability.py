"""When step times have settled, and a run is long enough. Pure functions."""

from collections.abc import Sequence
from statistics import median, quantiles

from recipe_kb.probe.plan import RunPlan

WARM_UP_STEPS = 3
"""Steps left out of timings: kernels are loaded and tuned, and the allocator asks for its first segments."""

MIN_TIMED_STEPS = 8
"""Step times of which two halves can be compared at all."""

MIN_TIMED_S = 2.0
"""Seconds of timed steps: NVML averages utilisation and power over up to one, and a card needs some to leave the clocks
of its rest."""

MAX_WINDOW_STEPS = 64
"""Latest step times that are looked at: the rule runs between two steps, and more would only slow the next one."""

MAX_DRIFT = 0.02
"""By which the medians of both halves may differ: a fifth of the 10 % by which a rate counts as having fallen."""

MAX_SPREAD = 0.10
"""By which the 9th decile may lie above the 1st, relative to the median: those same 10 %. One step in ten may be late
all the same, as one is that waits for a worker process."""

LIMIT_S = 60.0
"""Seconds of training after which a run ends whether it has settled or not."""


def is_stable(times_s: Sequence[float]) -> bool:
    """Tell whether step times have settled.

    The rule looks at the later half of the times, at least 8 and at most 64 of them, so that a slow start is forgotten:
    the medians of its two halves differ by at most 2 %, and its 1st and 9th decile lie within 10 % of its median.

    Args:
        times_s: Of the steps after warm-up, in order, in seconds.

    Returns:
        False too where the times are too few or span less than two seconds.
    """
    if len(times_s) < MIN_TIMED_STEPS or sum(times_s) < MIN_TIMED_S:
        return False
    size = min(MAX_WINDOW_STEPS, max(MIN_TIMED_STEPS, len(times_s) // 2))
    window = times_s[-size:]
    middle = median(window)
    earlier, later = median(window[: size // 2]), median(window[size // 2 :])
    deciles = quantiles(window, n=10, method="inclusive")
    return abs(later - earlier) <= MAX_DRIFT * middle and deciles[-1] - deciles[0] <= MAX_SPREAD * middle


def is_enough(plan: RunPlan, times_s: Sequence[float]) -> bool:
    """Tell whether an open-ended run may end after these steps.

    Args:
        plan: Its least number of steps; only after a whole round has each task been seen equally often.
        times_s: Of all steps so far, warm-up included.

    Returns:
        True once the times have settled, or the time limit is over.
    """
    if len(times_s) < plan.num_steps or len(times_s) % plan.steps_per_round:
        return False
    return sum(times_s) >= LIMIT_S or is_stable(times_s[WARM_UP_STEPS:])
