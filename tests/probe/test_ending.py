"""Ends of a process that gave no result."""

import signal

import pytest

from recipe_kb.probe.ending import judge_ending
from recipe_kb.schema.reasons import in_language, is_of_the_moment


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


LOADER = (
    "RuntimeError: DataLoader worker (pid 41) is killed by signal: Bus error. It is possible that dataloader's workers "
    "are out of shared memory. Please try to raise your shared memory limit."
)
WORKER = (
    "ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).\n"
)


@pytest.mark.parametrize(
    "stderr",
    [
        f"Traceback\n{LOADER}\n",
        f"{WORKER}Traceback\nRuntimeError: DataLoader worker (pid(s) 41) exited unexpectedly\n",
        "RuntimeError: unable to write to file </torch_41_7_0>: No space left on device (28)\n",
        "Last error:\nError while creating shared memory segment /dev/shm/nccl-h9rhLA (size 5767524)\n",
    ],
)
def test_too_little_shared_memory_is_no_crash_of_the_recipe(stderr):
    judgement = judge_ending(1, stderr)
    assert judgement.verdict == "unsupported"
    assert "--shm-size" in judgement.reason
    assert "dataloader_num_workers" in in_language(judgement.reason)
    assert is_of_the_moment(judgement.reason)
    assert is_of_the_moment(f"rank 1: {judgement.reason}")


def test_a_bus_error_of_something_else_stays_a_crash():
    assert judge_ending(-signal.SIGBUS, "Fatal Python error: Bus error\n").verdict == "crash"


def test_sigkill_is_out_of_memory_only_when_the_kernel_killed_for_memory():
    assert judge_ending(-signal.SIGKILL, "", kernel_killed=True).verdict == "oom"
    assert judge_ending(-signal.SIGKILL, "", kernel_killed=False).verdict == "crash"
