"""A thread that reads the GPU through NVML while the child trains.

It runs in the parent, which is idle meanwhile and outlives a crash of the child.
"""

import threading
import time
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from recipe_kb.probe.gpu_load import Watched, summarise
from recipe_kb.probe.nvml_reading import Question, Reading, ask, find_device, questions, read
from recipe_kb.schema.evidence import GpuLoad

INTERVAL_S = 0.05
"""Between two readings; the driver itself renews its figures ten to fifty times a second."""

MAX_READINGS = 36_000
"""The latest that are kept: half an hour of them, some 30 MB."""

JOIN_S = 2.0
"""How long to wait for the thread's last reading; a call may hang in the driver of a GPU that is lost."""


@dataclass
class Sampler:
    """Readings of one GPU; made by `nvml_sampler`.

    Attributes:
        reason: Why there are none; None while all is well.
        name: What NVML calls it; None where it does not say.
    """

    interval_s: float
    reason: str | None = None
    name: str | None = None
    watched: Watched = field(default_factory=Watched)
    readings: deque[Reading] = field(default_factory=lambda: deque(maxlen=MAX_READINGS))
    _stop: threading.Event = field(default_factory=threading.Event)

    def load(self, since: float, until: float, own_pids: Collection[int]) -> GpuLoad | None:
        """Summarise a stretch of time.

        Args:
            since: Of `time.monotonic()`.
            until: As `since`.
            own_pids: The processes that train, and the groups of processes that are ours with them.

        Returns:
            The figures, None where NVML gave nothing at all: `reason` says why.
        """
        if self.reason is not None:
            return None
        return summarise(self.watched, tuple(self.readings), since=since, until=until, own_pids=own_pids)

    def sample(self, asked: dict[str, Question]) -> None:
        """Read until told to stop; runs in the thread."""
        while True:
            began = time.monotonic()
            self.readings.append(read(asked))
            if self._stop.wait(max(0.0, began + self.interval_s - time.monotonic())):
                return

    def stop(self) -> None:
        """Tell the thread to end."""
        self._stop.set()


@contextmanager
def nvml_sampler(visible: str, interval_s: float = INTERVAL_S) -> Iterator[Sampler]:
    """Read a GPU until the block is left.

    Enter it before the child starts: whoever is on the GPU by then is somebody else.

    Args:
        visible: The GPU, as CUDA_VISIBLE_DEVICES names it, in the order of the bus.
        interval_s: Between two readings.

    Yields:
        The sampler. Whatever NVML does, nothing is raised, and the thread ends with the block.
    """
    sampler = Sampler(interval_s)
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception as error:  # noqa: BLE001 - no package, no driver, no permission: the reason says which
        sampler.reason = f"NVML: {error}"
        yield sampler
        return
    thread: threading.Thread | None = None
    try:
        thread = _start(pynvml, visible, sampler)
        yield sampler
    finally:
        sampler.stop()
        if thread is not None:
            thread.join(JOIN_S)
        if thread is None or not thread.is_alive():  # shutting down under a call that hangs would hang too
            with suppress(Exception):
                pynvml.nvmlShutdown()


def _start(nvml: Any, visible: str, sampler: Sampler) -> threading.Thread | None:
    """Look at the GPU as it is before the child, and start the thread; None, with a reason, if it is not found."""
    try:
        handle = find_device(nvml, visible)
    except Exception as error:  # noqa: BLE001 - as above
        sampler.reason = f"NVML: {error}"
        return None
    asked = questions(nvml, handle)
    errors: dict[str, str] = {}
    sampler.name = ask("name", (lambda: str(nvml.nvmlDeviceGetName(handle)),), errors)
    limit = (lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000,)
    held = (lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2).used),)
    before = ask("processes", asked["processes"], errors)
    sampler.watched = Watched(
        pids_before=frozenset(process.pid for process in before or ()),
        used_bytes_before=ask("used_bytes_before", held, errors),
        power_limit_w=ask("power_limit_w", limit, errors),
        errors=errors,
    )
    thread = threading.Thread(target=sampler.sample, args=(asked,), name="nvml", daemon=True)
    thread.start()
    return thread
