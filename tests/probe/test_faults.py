"""Whatever becomes of the child is a verdict, and nothing of it is left: no process, no file."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from recipe_kb.probe.messages import Finished, Progress, Started
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.run import probe
from recipe_kb.training.steps import Step

SRC = Path(__file__).parents[2] / "src"
STARTED = Started(device="cpu", gpu_name=None, fingerprint={}).model_dump_json()
STEPS = tuple(Step(loss=2.0 - index / 16, grad_norm=1.0, time_s=0.1, skipped=False) for index in range(16))
PROGRESS = Progress(step=1, loss=1.0).model_dump_json()
FINISHED = Finished(steps=STEPS).model_dump_json()
SPAWN_A_GRANDCHILD = """
import pathlib, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({pid_file!r}).write_text(str(grandchild.pid))
"""
BERT_BASE = {"model_type": "bert", "vocab_size": 30000, "hidden_size": 768}


def child(code):
    return [sys.executable, "-c", code]


def is_running(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def nothing_is_left(scratch):
    before = set(psutil.Process().children(recursive=True))  # other tests of this process keep a fork server
    yield
    assert not list(scratch.iterdir())
    assert not set(psutil.Process().children(recursive=True)) - before


@pytest.mark.parametrize(
    ("code", "verdict", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "crash", "SIGKILL"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crash", "SIGSEGV"),
        ("print('Loading model... done')", "crash", "unreadable line on the result stream: 'Loading model... done'"),
        ("raise SystemExit(1)", "crash", "exit code 1"),
        ("raise ValueError('no such layer')", "crash", "exit code 1: ValueError: no such layer"),
        ("pass", "crash", "ended without a result"),
        (f"print('{STARTED}')", "crash", "ended without a result"),
        (f"print('{Finished().model_dump_json()}')", "crash", "without a step"),
        ("import sys; sys.stdout.buffer.write(bytes([255, 254, 10]))", "crash", "unreadable line"),
    ],
)
def test_a_child_that_gives_no_result(ask, code, verdict, reason):
    evidence = probe(ask(), command=child(code))
    assert evidence.verdict == verdict
    assert reason in evidence.reason
    assert evidence.measured is None
    assert evidence.confirmed == ()


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_a_child_beyond_its_memory_limit(ask):
    code = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29)); bytearray(2**40)"
    evidence = probe(ask(), command=child(code))
    assert (evidence.verdict, evidence.reason) == ("oom", "out of memory: MemoryError")


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_torch_beyond_the_memory_limit(ask):
    """Our own child, with room for torch but not for the weights."""
    code = """
import resource
import psutil
import recipe_kb.probe.session
from recipe_kb.probe.child import main
limit = psutil.Process().memory_info().vms + 2**27
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
main()
"""
    evidence = probe(ask(config=BERT_BASE), command=child(code))
    assert evidence.verdict == "oom"
    assert "can't allocate memory" in evidence.reason


def test_a_hang_is_ended_with_all_its_children(ask, tmp_path):
    pid_file = tmp_path / "pid"
    code = SPAWN_A_GRANDCHILD.format(pid_file=str(pid_file)) + "time.sleep(600)"
    started = time.monotonic()
    evidence = probe(ask(timeout_s=2), command=child(code))
    assert (evidence.verdict, evidence.reason) == ("timeout", "no result within 2 s")
    assert time.monotonic() - started < 6
    wait_until(lambda: not is_running(int(pid_file.read_text())))


def test_a_grandchild_that_holds_the_stream_open_does_not_delay_the_verdict(ask, tmp_path):
    pid_file = tmp_path / "pid"
    code = SPAWN_A_GRANDCHILD.format(pid_file=str(pid_file)) + "sys.exit(3)"
    started = time.monotonic()
    evidence = probe(ask(), command=child(code))
    assert "exit code 3" in evidence.reason
    assert time.monotonic() - started < 10
    wait_until(lambda: not is_running(int(pid_file.read_text())))


def test_a_child_that_lingers_after_its_result_has_given_it(ask, monkeypatch):
    monkeypatch.setattr("recipe_kb.probe.process.EXIT_GRACE_S", 0.5)
    evidence = probe(ask(), command=child(f"print('{FINISHED}', flush=True); import time; time.sleep(600)"))
    assert evidence.verdict == "passed"
    assert evidence.measured.num_steps == 16


def test_a_child_that_closes_its_stream_and_goes_on(ask, monkeypatch):
    monkeypatch.setattr("recipe_kb.probe.process.EXIT_GRACE_S", 0.5)
    evidence = probe(ask(), command=child("import os, time; os.close(1); time.sleep(600)"))
    assert (evidence.verdict, evidence.reason) == ("crash", "closed the result stream and did not exit")


def test_a_child_that_never_stops_talking(ask):
    evidence = probe(ask(timeout_s=1), command=child(f"while True: print('{PROGRESS}')"))
    assert evidence.verdict == "timeout"


def test_a_child_that_never_reads_its_task(ask):
    request = ask()
    long_config = request.model.config | {"padding": "x" * 2**20}  # more than a pipe holds
    request = ProbeRequest.model_validate(dict(request) | {"model": vars(request.model) | {"config": long_config}})
    assert probe(request, command=child("import sys; sys.exit(5)")).reason == "exit code 5"


def test_ctrl_c_ends_the_child_and_is_raised_again(ask):
    pids = []

    def interrupt(*_):
        pids.extend(process.pid for process in psutil.Process().children(recursive=True))
        raise KeyboardInterrupt

    request = ask("t4/tiny/1t-64-full", num_steps=10_000)
    with pytest.raises(KeyboardInterrupt):
        probe(request, on_progress=interrupt)
    assert pids
    wait_until(lambda: not any(is_running(pid) for pid in pids))  # a killed grandchild takes its moment


TRAINS_SILENTLY = f"""
import sys, time, types
session = types.ModuleType("recipe_kb.probe.session")
session.run = lambda task, stream: (stream.write({PROGRESS + chr(10)!r}), time.sleep(600))
sys.modules[session.__name__] = session
from recipe_kb.probe.child import main
main()
"""


@pytest.mark.parametrize("command", [None, child(TRAINS_SILENTLY)], ids=["trains", "trains-silently"])
def test_the_child_dies_with_its_parent(ask, scratch, command):
    """The parent gets SIGKILL, so it can neither kill nor clean: the child must do both.

    A child that reports would meet the broken pipe; one in the middle of a long step must notice all the same.
    """
    code = f"""
import sys
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.run import probe
request = ProbeRequest.model_validate_json(sys.stdin.readline())
probe(request, on_progress=lambda *_: print("trains", flush=True), command={command!r})
"""
    environ = os.environ | {"PYTHONPATH": str(SRC), "TMPDIR": str(scratch)}
    request = ask(num_steps=100_000).model_dump_json()
    with subprocess.Popen(child(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ) as parent:
        parent.stdin.write(request + "\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "trains\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert children
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(is_running(process.pid) for process in children), timeout_s=10)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux' own killer")
def test_the_child_offers_itself_to_the_out_of_memory_killer():
    code = "from recipe_kb.probe.child import be_killed_first as offer; offer()"
    shown = subprocess.check_output(child(f"{code}; print(open('/proc/self/oom_score_adj').read())"), text=True)
    assert shown.split() == ["1000"]


def test_the_fingerprint_is_there_whatever_happened(ask):
    evidence = probe(ask(code_version="abc"), command=child("raise SystemExit(1)"))
    assert evidence.fingerprint["code_version"] == "abc"
    assert len(evidence.fingerprint["recipe_sha256"]) == 64
    assert json.loads(evidence.model_dump_json(by_alias=True))["schema"] == "kb-evidence/1"
