"""Faults from outside the training: the parent is killed, the disk is full, the clock jumps, a worker dies."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from test_record_evidence import evidence, files_in

from recipe_kb.errors import CannotHereError
from recipe_kb.probe import run
from recipe_kb.probe.record import record
from recipe_kb.probe.run import probe
from recipe_kb.schema.evidence import Evidence

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture(autouse=True)
def nothing_is_left(scratch, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    before = set(psutil.Process().children(recursive=True))
    yield
    assert not list(scratch.iterdir())
    assert not set(psutil.Process().children(recursive=True)) - before


def python(code, *arguments):
    return [sys.executable, "-c", code, *map(str, arguments)]


def is_running(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def wait_until(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


PROBES = """
import sys
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.run import probe
request = ProbeRequest.model_validate_json(sys.stdin.readline())
print("begins", flush=True)
probe(request)
"""


@pytest.mark.parametrize("after_s", [0.0, 1.0, 2.5], ids=["at-once", "with-the-task", "while-it-builds"])
def test_the_parent_is_killed_early(ask, scratch, after_s):
    """Before the first step there is no message whose broken pipe would end the child."""
    environ = os.environ | {"TMPDIR": str(scratch)}
    with subprocess.Popen(
        python(PROBES), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    ) as parent:
        parent.stdin.write(ask(num_steps=100_000).model_dump_json() + "\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "begins\n"
        wait_until(lambda: psutil.Process(parent.pid).children())
        time.sleep(after_s)
        children = psutil.Process(parent.pid).children(recursive=True)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(is_running(process) for process in children), 10)


@pytest.mark.parametrize("moment", ["os.fsync", "os.link"])
def test_the_parent_is_killed_while_it_writes_the_evidence(tmp_path, moment):
    """Before the file has its name there is none of that name; a reader never sees half of it."""
    code = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_record_evidence import evidence
from recipe_kb.probe.record import record
{moment} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
record(evidence(), Path(sys.argv[1]))
"""
    done = subprocess.run(python(code, tmp_path, Path(__file__).parent), check=False)
    assert done.returncode == -signal.SIGKILL
    assert not list(tmp_path.rglob("*.json"))
    path = record(evidence(), tmp_path)
    assert path.name == "2026-11-22-cpu.json"
    assert Evidence.model_validate_json(path.read_text(encoding="utf-8")) == evidence()


def test_a_disk_that_fills_up_at_the_last_moment_leaves_nothing(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotHereError, match="No space left on device"):
        record(evidence(), tmp_path)
    assert files_in(tmp_path) == []


RECORDS = """
import sys
from pathlib import Path
from recipe_kb.probe.record import record
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.run import probe
request = ProbeRequest.model_validate_json(sys.stdin.readline())
print(record(probe(request, command=[sys.executable, "-c", "raise SystemExit(1)"]), Path(sys.argv[1])), flush=True)
"""


@pytest.mark.slow
def test_two_validators_at_once_keep_both_results(ask, tmp_path, scratch):
    environ = os.environ | {"TMPDIR": str(scratch)}
    root = tmp_path / "kb"
    started = [
        subprocess.Popen(python(RECORDS, root), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)
        for _ in range(2)
    ]
    lines = [process.communicate(ask().model_dump_json() + "\n", timeout=60)[0] for process in started]
    paths = {Path(line.strip()) for line in lines}
    assert len(paths) == 2
    assert sorted(path.name for path in paths) == files_in(root)
    for path in paths:
        assert Evidence.model_validate_json(path.read_text(encoding="utf-8")).verdict == "crash"


JUMPS_BACK = """
import itertools, time
hours = itertools.count()
time.time = lambda: 1.8e9 - 3600 * next(hours)
from recipe_kb.probe.child import main
main()
"""


@pytest.mark.slow
def test_a_clock_that_goes_back_harms_no_duration(ask, monkeypatch):
    moments = iter([datetime(2026, 11, 22, 3, tzinfo=UTC)])  # asked once: the start names the file

    class JumpingDatetime:
        @staticmethod
        def now(_zone):
            return next(moments)

    monkeypatch.setattr(run, "datetime", JumpingDatetime)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    evidence = probe(ask(num_steps=6), command=python(JUMPS_BACK))
    assert evidence.verdict == "passed"
    assert evidence.started == "2026-11-22T03:00:00+00:00"
    assert evidence.measured.wall_s > 0
    assert evidence.measured.step_time_s_p10 > 0


HAS_A_NAN = """
import torch
import recipe_kb.probe.session as session
build = session._build
def broken(*words):
    network = build(*words)
    with torch.no_grad():
        network.classifier.weight[0, 0] = float("nan")
    return network
session._build = broken
from recipe_kb.probe.child import main
main()
"""


def test_a_loss_that_is_no_number(ask):
    evidence = probe(ask(), command=python(HAS_A_NAN))
    assert (evidence.verdict, evidence.reason) == ("not_finite", "loss is nan in step 1 of 16")
    assert evidence.confirmed == ()
    assert evidence.measured.loss_first is None
    assert Evidence.model_validate_json(evidence.model_dump_json(by_alias=True)) == evidence


LOADS_IN_A_WORKER = """
import os, signal, time
from dataclasses import replace
import recipe_kb.probe.session as session
from recipe_kb.training.data import TaskRows
plan_run, rows = session.plan_run, TaskRows.__getitem__
def with_worker(request, device):
    plan = plan_run(request, device)
    return replace(plan, settings=replace(plan.settings, dataloader_num_workers=1))
def die(self, index):
    if index >= 8:
        time.sleep(1)  # the rows before have left its queue: half a message would be another fault
        os.kill(os.getpid(), signal.SIGKILL)
    return rows(self, index)
session.plan_run, TaskRows.__getitem__ = with_worker, die
from recipe_kb.probe.child import main
main()
"""


@pytest.mark.slow
def test_a_data_loader_worker_that_dies(ask, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)  # the path of a socket has 108 characters, pytest's folders more
    evidence = probe(ask(timeout_s=240), command=python(LOADS_IN_A_WORKER))
    assert evidence.verdict == "crash"
    assert "DataLoader worker" in evidence.reason


def test_a_child_that_ignores_the_polite_signal_is_ended(ask):
    deaf = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGTERM, signal.SIGINT)]"
    evidence = probe(ask(timeout_s=1), command=python(f"{deaf}; time.sleep(600)"))
    assert evidence.verdict == "timeout"
