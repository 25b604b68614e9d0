"""What it means that a child process ended without giving its result."""

import signal
from pathlib import Path

from recipe_kb.probe.verdict import Judgement
from recipe_kb.schema import reasons

SIGKILL = 9
"""`signal.SIGKILL`, which Python on Windows lacks."""

OUT_OF_MEMORY_MARKS = (
    "MemoryError",
    "OutOfMemoryError",
    "CUDA out of memory",
    "can't allocate memory",  # torch's CPU allocator
    "Cannot allocate memory",  # ENOMEM
)
"""What the last lines of a traceback say when memory was the reason."""

SHARED_MEMORY_MARKS = (
    "signal: Bus error",  # torch's loader of a worker that wrote beyond what /dev/shm holds
    "insufficient shared memory",  # that worker's own last words
    "unable to write to file </torch_",
    "unable to allocate shared memory",
    "Error while creating shared memory segment",  # NCCL
)
"""What is said where /dev/shm is too small; Docker gives 64 MiB unless told otherwise."""


def judge_ending(returncode: int | None, stderr_tail: str, *, kernel_killed: bool = False) -> Judgement:
    """Name the end of a process that gave no result.

    Args:
        returncode: As `subprocess` gives it: negative for a signal; None if it closed its stream and went on.
        stderr_tail: The last lines of its standard error.

        kernel_killed: Whether the kernel killed a process for memory meanwhile; the child offers itself first.

    Returns:
        `oom`, `unsupported` (a package or shared memory is missing) or `crash`, with the signal, the exit code and the
        last line.
    """
    last_line = stderr_tail.strip().rpartition("\n")[2]
    said = f": {last_line}" if last_line else ""
    if returncode is None:
        return Judgement("crash", reasons.STREAM_CLOSED + said)
    if returncode == -SIGKILL and kernel_killed:
        return Judgement("oom", reasons.KILLED_FOR_MEMORY)
    if returncode != 0 and lacks_shared_memory(stderr_tail):
        return Judgement("unsupported", reasons.SHARED_MEMORY + said)
    if returncode != 0 and any(mark in last_line for mark in OUT_OF_MEMORY_MARKS):
        return Judgement("oom", reasons.OUT_OF_MEMORY + said)
    if returncode > 0 and last_line.startswith("ModuleNotFoundError"):
        return Judgement("unsupported", reasons.PACKAGE_MISSING + said)
    if returncode < 0:
        return Judgement("crash", reasons.KILLED.format(signal=_signal_name(-returncode)) + said)
    if returncode > 0:
        return Judgement("crash", reasons.EXITED.format(code=returncode) + said)
    return Judgement("crash", reasons.NO_RESULT + said)


def lacks_shared_memory(said: str) -> bool:
    """Tell whether the end of a standard error speaks of a /dev/shm that is too small."""
    return any(mark in said for mark in SHARED_MEMORY_MARKS)


def oom_kills() -> int | None:
    """Return how many processes this kernel has killed for memory since it started; None where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"
