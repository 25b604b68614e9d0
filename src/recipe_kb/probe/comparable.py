"""What keeps a run's figures from being compared with others. Pure."""

from collections.abc import Sequence

from recipe_kb.schema import reasons
from recipe_kb.schema.evidence import GpuLoad, Measured

SLOWING = frozenset({"hw_slowdown", "hw_thermal", "hw_power_brake", "sw_thermal"})
"""Throttle reasons that lie in the machine: heat and power supply. A power cap or a clock setting is the card's own
way of working, and the same the next time."""


def why_not_comparable(loads: Sequence[GpuLoad], figures: Measured | None) -> tuple[str, ...]:
    """Say what spoils the times of a run; its memory, which torch's allocator counts by process, stays valid.

    Args:
        loads: What NVML said of each GPU, if anything.
        figures: Of the run, if it took steps.

    Returns:
        Sentences of `reasons`; empty if all is well.
    """
    found = []
    num_others = sum(load.num_other_processes or 0 for load in loads)
    if num_others:
        found.append(reasons.OTHER_PROCESSES.format(count=num_others))
    slowing = sorted(SLOWING & {name for load in loads for name in load.throttle_reasons})
    if slowing:
        found.append(reasons.THROTTLED.format(names=", ".join(slowing)))
    if figures is not None and figures.stable is False:
        found.append(reasons.NOT_SETTLED.format(steps=figures.num_steps))
    return tuple(found)
