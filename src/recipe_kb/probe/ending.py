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


def judge_ending(returncode: int | None, stderr_tail: str, *, kernel_killed: bool = False) -> Judgement:
    """Name the end of a process that gave no result.

    Args:
        returncode: As `subprocess` gives it: negative for a signal; None if it closed its stream and went on.
        stderr_tail: The last lines of its standard error.

        kernel_killed: Whether the kernel killed a process for memory meanwhile; the child offers itself first.

    Returns:
        `oom`, `unsupported` (a package is not installed) or `crash`, with the signal, the exit code and the last line.
    """
    last_line = stderr_tail.strip().rpartition("\n")[2]
    said = f": {last_line}" if last_line else ""
    if returncode is None:
        return Judgement("crash", reasons.STREAM_CLOSED + said)
    if returncode == -SIGKILL and kernel_killed:
        return Judgement("oom", reasons.KILLED_FOR_MEMORY)
    if returncode != 0 and any(mark in last_line for mark in OUT_OF_MEMORY_MARKS):
        return Judgement("oom", reasons.OUT_OF_MEMORY + said)
    if returncode > 0 and last_line.startswith("ModuleNotFoundError"):
        return Judgement("unsupported", reasons.PACKAGE_MISSING + said)
    if returncode < 0:
        return Judgement("crash", reasons.KILLED.format(signal=_signal_name(-returncode)) + said)
    if returncode > 0:
        return Judgement("crash", reasons.EXITED.format(code=returncode) + said)
    return Judgement("crash", reasons.NO_RESULT + said)


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
