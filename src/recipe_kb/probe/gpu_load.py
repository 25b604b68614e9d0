"""From readings of a GPU to what an evidence record says of them. Pure functions."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median
from typing import Any

from recipe_kb.probe.nvml_reading import GpuProcess, Reading
from recipe_kb.schema.evidence import GpuLoad

AVERAGED_S = 1.0
"""Over how long NVML averages utilisation (a sixth of a second to one, by GPU) and power (one on Ampere and newer):
a reading of the first second tells of the time before."""

CONTEXT_BYTES = 2**28
"""Memory in use beyond which somebody computes on a GPU whose processes are not shown: a CUDA context takes more."""

MAX_FAILED_SHARE = 0.05
"""Readings of a value that may fail, as while the list of processes grows, without the value being given up."""

WHY_NO_READING = "no reading in this time"
WHY_ONE_READING = "one reading in this time"
WHY_AVERAGED = "the steps after warm-up took less than the second that NVML averages over"
WHY_HIDDEN = "NVML shows no process of this probe, as in a container"
WHY_NO_PROCESS_MEMORY = "NVML does not tell the memory of this process"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The GPU as it was before the child: who was on it, memory in use without the driver's own, power limit."""

    pids_before: frozenset[int] = frozenset()
    used_bytes_before: int | None = None
    power_limit_w: float | None = None
    errors: Mapping[str, str] = field(default_factory=dict)


def summarise(
    watched: Watched, readings: Sequence[Reading], *, since: float, until: float, own_pids: Collection[int]
) -> GpuLoad:
    """Summarise the readings of a stretch of time.

    A value that more than `MAX_FAILED_SHARE` of its readings lack is None: a mean over the rest would hide what
    happened to the GPU. What fewer lack is of the rest, and `num_failed` says how many that were.
    Processes that only draw, as a desktop does, are not counted.

    Args:
        watched: The GPU before the child.
        readings: All of them, in order: those before the stretch show which process is ours.
        since: Start, of `time.monotonic()`.
        until: End.
        own_pids: The processes that train.
    """
    window = [reading for reading in readings if since <= reading.time_s <= until]
    averaged = [reading for reading in window if reading.time_s >= since + AVERAGED_S]
    not_measured: dict[str, str] = {}
    num_failed: dict[str, int] = {}

    def over(
        field_name: str,
        source: str,
        summary: Callable[[Iterable[Any]], Any],
        chosen: Sequence[Reading] = window,
        why_none: str = WHY_NO_READING,
    ) -> Any:
        errors = [reading.errors[source] for reading in chosen if source in reading.errors]
        if chosen and len(errors) <= MAX_FAILED_SHARE * len(chosen):
            if errors:
                num_failed[field_name] = len(errors)
            return summary(getattr(reading, source) for reading in chosen if source not in reading.errors)
        not_measured[field_name] = errors[0] if errors else why_none if window else WHY_NO_READING
        return None

    throttled = over("throttle_reasons", "throttle_reasons", lambda values: frozenset().union(*values))
    power_limit_w = watched.power_limit_w
    if power_limit_w is None:
        not_measured["power_limit_w"] = watched.errors.get("power_limit_w", WHY_NO_READING)
    interval_s = median(b.time_s - a.time_s for a, b in pairwise(window)) if len(window) > 1 else None
    if interval_s is None:
        not_measured["interval_s"] = WHY_NO_READING if not window else WHY_ONE_READING
    ours = _own_pids(watched, readings, own_pids)
    return GpuLoad(
        num_samples=len(window),
        interval_s=interval_s,
        kernel_time_share=over("kernel_time_share", "kernel_time_share", fmean, averaged, WHY_AVERAGED),
        power_w_mean=over("power_w_mean", "power_w", fmean, averaged, WHY_AVERAGED),
        power_w_max=over("power_w_max", "power_w", max, averaged, WHY_AVERAGED),
        power_limit_w=power_limit_w,
        sm_clock_mhz=over("sm_clock_mhz", "sm_clock_mhz", median),
        temperature_c_max=over("temperature_c_max", "temperature_c", max),
        throttle_reasons=tuple(sorted(throttled or ())),
        process_used_bytes=_process_used_bytes(over, ours, not_measured),
        device_used_bytes=over("device_used_bytes", "device_used_bytes", max),
        num_other_processes=_num_others(over, watched, ours, readings, not_measured),
        not_measured=not_measured,
        num_failed={name: count for name, count in num_failed.items() if name not in not_measured},
    )


def _own_pids(watched: Watched, readings: Sequence[Reading], own_pids: Collection[int]) -> frozenset[int]:
    """Tell which processes on the GPU are the child and what it started, ranks of other GPUs among them.

    Where ids are the host's nobody can ask for their group; then the first that came after the child's start is it.
    """
    seen = {process.pid: process for reading in readings for process in reading.processes or ()}
    ours = {pid for pid, process in seen.items() if pid in own_pids or process.group in own_pids}
    if not ours:
        ours = set([pid for pid, p in seen.items() if p.group is None and pid not in watched.pids_before][:1])
    return frozenset(ours)


def _process_used_bytes(over: Callable[..., Any], ours: frozenset[int], not_measured: dict[str, str]) -> int | None:
    name = "process_used_bytes"
    peaks: list[int | None] | None = over(name, "processes", lambda lists: [_sum(ours, listed) for listed in lists])
    if peaks is None:
        return None
    known = [peak for peak in peaks if peak is not None]
    if not known:
        not_measured[name] = WHY_NO_PROCESS_MEMORY if ours else WHY_HIDDEN
        return None
    return max(known)


def _sum(ours: frozenset[int], listed: Sequence[GpuProcess]) -> int | None:
    """Add up our processes' memory; None where one of them has none to tell, or none is there."""
    sizes = [process.used_bytes for process in listed if process.pid in ours]
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def _num_others(
    over: Callable[..., Any],
    watched: Watched,
    ours: frozenset[int],
    readings: Sequence[Reading],
    not_measured: dict[str, str],
) -> int | None:
    """Count the others at their highest; where no process is ever shown, memory in use before the child is one."""
    name = "num_other_processes"
    counts: list[int] | None = over(
        name, "processes", lambda lists: [sum(process.pid not in ours for process in listed) for listed in lists]
    )
    shown = any(reading.processes for reading in readings)
    if counts is not None and shown:
        return max(counts)
    if watched.used_bytes_before is not None and watched.used_bytes_before > CONTEXT_BYTES:
        not_measured.pop(name, None)
        return 1
    if counts is not None:
        not_measured[name] = WHY_HIDDEN
    return None
