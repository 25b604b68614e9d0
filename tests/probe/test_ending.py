"""Ends of a process that gave no result."""

import signal

import pytest

from recipe_kb.probe.ending import judge_ending


@pytest.mark.parametrize(
    ("returncode", "stderr", "verdict", "reason"),
    [
        (-signal.SIGKILL, "", "crash", "killed by SIGKILL"),
        (-signal.SIGSEGV, "Fatal Python error\n", "crash", "SIGSEGV: Fatal Python error"),
        (-40, "", "crash", "signal 40"),
        (1, "Traceback\nMemoryError\n", "oom", "MemoryError"),
        (1, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "oom", "2 GiB"),
        (1, "RuntimeError: DefaultCPUAllocator: can't allocate memory", "oom", "can't allocate"),
        (1, "MemoryError in a word before\nValueError: bad", "crash", "exit code 1: ValueError: bad"),
        (1, "ModuleNotFoundError: No module named 'torch'", "unsupported", "No module named 'torch'"),
        (7, "", "crash", "exit code 7"),
        (0, "", "crash", "ended without a result"),
        (None, "", "crash", "did not exit"),
    ],
)
def test_judge_ending(returncode, stderr, verdict, reason):
    judgement = judge_ending(returncode, stderr)
    assert judgement.verdict == verdict
    assert reason in judgement.reason


def test_sigkill_is_out_of_memory_only_when_the_kernel_killed_for_memory():
    assert judge_ending(-signal.SIGKILL, "", kernel_killed=True).verdict == "oom"
    assert judge_ending(-signal.SIGKILL, "", kernel_killed=False).verdict == "crash"
