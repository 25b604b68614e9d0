"""Reads the counters between the phases of one run and writes them into its record; on a CPU it reads nothing."""

from typing import Any, Literal

import torch

from memory_grid.counters import Nvml, read_all, read_counts, read_peaks

Device = Literal["cpu", "cuda"]
Phase = Literal["training", "evaluation"]
Record = dict[str, Any]


class Watch:
    """The counters of one run, from before its CUDA context to its end.

    Attributes:
        device: Where it runs.
        phase: Whose peaks are being collected; None before the first and after the last.
    """

    def __init__(self, device: Device, record: Record) -> None:
        self.device = device
        self.phase: Phase | None = None
        self._record = record
        self._memory: Record = {}
        self._nvml: Nvml | None = None

    def enter_context(self) -> None:
        """Create the CUDA context, without allocating, and read the driver's counters before and after."""
        if self.device == "cpu":
            return
        self._nvml = Nvml()
        self._record |= {"memory": self._memory, "not_measured": self._nvml.not_measured}
        self._memory["before_context"] = self._nvml.read()
        torch.cuda.init()
        torch.cuda.synchronize()  # the first call that needs a context creates it
        self.read("after_context")

    def read(self, moment: str) -> None:
        """Read what is in use now."""
        if self._nvml is not None:
            self._memory[moment] = read_all(self._nvml)

    def begin(self, phase: Phase) -> None:
        """Forget the peaks so far."""
        self.phase = phase
        if self._nvml is not None:
            torch.cuda.reset_peak_memory_stats()

    def end(self) -> None:
        """Keep the peaks of the phase, and what is in use at its end."""
        if self._nvml is not None and self.phase is not None:
            self._memory[self.phase] = read_peaks()
            self.read(f"after_{self.phase}")
        self.phase = None

    def finish(self) -> None:
        """Read what is left to read, however the run ended; a broken GPU must not hide what broke it."""
        if self._nvml is None or "after_context" not in self._memory:
            return
        try:
            self.end()
            self.read("at_end")
            self._record |= read_counts()
        except RuntimeError as error:
            self._record["counters_lost"] = str(error).partition("\n")[0]
        moments = {"after_first_call_bytes": "after_context", "at_end_bytes": "at_end"}
        self._record["context"] = {name: self._context_bytes(moment) for name, moment in moments.items()}

    def _context_bytes(self, moment: str) -> int | None:
        """Return what this process holds on the GPU outside torch's allocator, if other processes hold still."""
        before, now = self._memory["before_context"], self._memory.get(moment)
        if now is None or now["device_used_bytes"] is None or before["device_used_bytes"] is None:
            return None
        return int(now["device_used_bytes"] - before["device_used_bytes"] - now["reserved_bytes"])
