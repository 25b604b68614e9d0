"""Children that are started before their task: quicker to answer, and gone with whoever started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from recipe_kb.probe.environ import child_environ
from recipe_kb.probe.messages import Finished, Started
from recipe_kb.probe.process import waiting_child
from recipe_kb.probe.run import CHILD, early_child, probe
from recipe_kb.training.steps import Step

SRC = Path(__file__).parents[2] / "src"
STEPS = tuple(Step(loss=2.0 - index / 16, grad_norm=1.0, time_s=0.1, skipped=False) for index in range(16))
ANSWER = "\n".join(
    message.model_dump_json()
    for message in (Started(device="cpu", gpu_name=None, fingerprint={}), Finished(steps=STEPS))
)


@pytest.fixture(autouse=True)
def nothing_is_left(scratch, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    before = set(psutil.Process().children(recursive=True))
    yield
    assert not list(scratch.iterdir())
    assert not set(psutil.Process().children(recursive=True)) - before


def python(code):
    return [sys.executable, "-c", code]


def is_running(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def wait_until(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def has_imported_torch(pid):
    return any("libtorch" in mapped.path for mapped in psutil.Process(pid).memory_maps())


def test_a_child_waits_with_its_imports_done_and_then_trains(ask):
    with early_child() as waiting:
        wait_until(lambda: has_imported_torch(waiting.process.pid), 60)
        evidence = probe(ask(num_steps=4), waiting=waiting)
        assert (evidence.verdict, evidence.measured.num_steps) == ("passed", 4)
        assert waiting.process.poll() is not None  # gone with the probe, not only with the block


def test_a_child_that_never_got_a_task_is_killed():
    with early_child() as waiting:
        process = psutil.Process(waiting.process.pid)
        assert is_running(process)
    assert not is_running(process)


def test_a_child_is_killed_when_the_block_is_left_by_an_error():
    def fail():
        with early_child() as waiting:
            found.append(psutil.Process(waiting.process.pid))
            raise KeyboardInterrupt

    found = []
    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not is_running(found[0])


def test_the_time_limit_counts_from_the_task(ask, scratch):
    code = f"import sys, time; sys.stdin.readline(); time.sleep(0.5); print({ANSWER!r})"
    with waiting_child(python(code), child_environ(str(scratch))) as waiting:
        time.sleep(1.5)
        assert probe(ask(timeout_s=1.4), waiting=waiting).verdict == "passed"


def test_a_waiting_child_that_hangs_is_gone_after_its_probe(ask, scratch):
    with waiting_child(python("import time; time.sleep(600)"), child_environ(str(scratch))) as waiting:
        evidence = probe(ask(timeout_s=0.5), waiting=waiting)
        assert evidence.verdict == "timeout"
        assert waiting.process.poll() == -signal.SIGKILL


def test_a_child_that_died_while_it_waited_is_a_verdict(ask, scratch):
    with waiting_child(python("raise ValueError('no such library')"), child_environ(str(scratch))) as waiting:
        waiting.process.wait(20)
        evidence = probe(ask(), waiting=waiting)
    assert (evidence.verdict, evidence.reason) == ("crash", "exit code 1: ValueError: no such library")


@pytest.mark.slow
def test_two_children_wait_and_each_does_its_own_task(ask):
    with early_child() as first, early_child() as second:
        assert probe(ask(num_steps=3), waiting=second).measured.num_steps == 3
        assert probe(ask(num_steps=5), waiting=first).measured.num_steps == 5


def test_a_child_takes_one_task(ask, scratch):
    with waiting_child(python(f"print({ANSWER!r})"), child_environ(str(scratch))) as waiting:
        probe(ask(), waiting=waiting)
        with pytest.raises(AssertionError, match="one task"):
            probe(ask(), waiting=waiting)


STARTS_ONE = """
import sys
from recipe_kb.probe.run import early_child
with early_child() as waiting:
    print(waiting.process.pid, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("moment", ["at-once", "while-it-imports", "while-it-waits"])
def test_a_waiting_child_ends_when_its_parent_is_killed(scratch, moment):
    environ = os.environ | {"TMPDIR": str(scratch)}
    with subprocess.Popen(
        python(STARTS_ONE), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    ) as parent:
        process = psutil.Process(int(parent.stdout.readline()))
        if moment == "while-it-imports":
            wait_until(lambda: has_imported_torch(process.pid), 60)
        elif moment == "while-it-waits":
            wait_until(lambda: has_imported_torch(process.pid), 60)
            rests_since = [time.monotonic(), -1.0]

            def rests():
                used_s = sum(process.cpu_times()[:2])
                if used_s != rests_since[1]:
                    rests_since[:] = [time.monotonic(), used_s]
                return time.monotonic() - rests_since[0] > 1

            wait_until(rests, 60)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_running(process), 10)


def test_our_command_is_a_module_of_this_package():
    assert CHILD[1:] == ("-m", "recipe_kb.probe.child")
