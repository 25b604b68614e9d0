"""Two clocks for optimizer steps: CUDA events, which time the GPU's own work, and the host's clock."""

import time
from collections.abc import Callable
from typing import Any, Literal, Protocol

import torch

ClockName = Literal["cuda-events", "host"]


class Clock(Protocol):
    """Times the stretches between marks.

    Attributes:
        name: Which clock it is, for the record.
    """

    name: ClockName

    def mark(self) -> None:
        """End a stretch here, and begin the next."""

    def elapsed_s(self) -> float:
        """Return the length of the last stretch, once its work is done."""


class HostClock:
    """`time.perf_counter`: right where the host does the work itself."""

    name: ClockName = "host"

    def __init__(self) -> None:
        self._begin = self._end = 0.0

    def mark(self) -> None:
        """End a stretch here, and begin the next."""
        self._begin, self._end = self._end, time.perf_counter()

    def elapsed_s(self) -> float:
        """Return the length of the last stretch."""
        return self._end - self._begin


class CudaClock:
    """Events in the stream of the work: the GPU notes the time as it passes them, so a mark waits for nothing."""

    name: ClockName = "cuda-events"

    def __init__(self, make_event: Callable[[], Any] | None = None) -> None:
        self._make_event = make_event or _timing_event
        self._begin: Any = None
        self._end: Any = None

    def mark(self) -> None:
        """End a stretch here, and begin the next."""
        self._begin, self._end = self._end, self._make_event()
        self._end.record()

    def elapsed_s(self) -> float:
        """Return the length of the last stretch.

        It waits for the second event, which has passed already where a result of the stretch was read before.
        """
        self._end.synchronize()
        milliseconds: float = self._begin.elapsed_time(self._end)
        return milliseconds / 1000


def clock_of(device_type: str) -> Clock:
    """Return the clock for work on `cuda`, or on anything else."""
    return CudaClock() if device_type == "cuda" else HostClock()


def _timing_event() -> Any:
    return torch.cuda.Event(enable_timing=True)
