"""The processes below one, wherever they have gone: a session of its own keeps none from being found."""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

_POLL_S = 0.02


@dataclass(frozen=True)
class Descendants:
    """Processes that a process has started, and those that they have."""

    processes: tuple[Any, ...]

    @classmethod
    def of(cls, pid: int) -> Self:
        """Look now; later, when a process between is gone, they cannot be found any more."""
        try:
            import psutil  # type: ignore[import-untyped]
        except ImportError:  # without it nothing trains, so nothing has descendants
            return cls(())
        with suppress(psutil.Error):
            return cls(tuple(psutil.Process(pid).children(recursive=True)))
        return cls(())

    def kill(self, timeout_s: float) -> None:
        """Kill them, and wait until they are gone.

        Args:
            timeout_s: Wait no longer; a process stuck in a driver survives SIGKILL.
        """
        for process in self.processes:
            with suppress(Exception):  # gone already
                process.kill()
        deadline = time.monotonic() + timeout_s
        while any(map(_is_running, self.processes)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)


def _is_running(process: Any) -> bool:
    """A zombie is not: where nobody reaps the orphans it stays for ever."""
    with suppress(Exception):
        return bool(process.is_running() and process.status() != "zombie")
    return False
