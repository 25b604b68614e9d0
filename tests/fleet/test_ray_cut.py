"""A run that is cut: by a head that dies or restarts, by Ctrl-C. The next one with --resume does the rest, no more."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from conftest import QUIET, cluster_of
from recipe_kb.cli.group import Session
from recipe_kb.cli.validate_choice import chosen
from recipe_kb.store.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray"), pytest.mark.filterwarnings("ignore::ResourceWarning")]
DRIVER = Path(__file__).with_name("driver.py")
HEARS_CTRL_C = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.executable, sys.argv[1:])"
)


@pytest.fixture
def start(broken_kb, short_folder):
    """Start `kb validate --all --engine ray` with played probes of so many seconds; the process, and its evidence."""
    started = []

    def run(seconds, *words, played=()):
        environ = os.environ | QUIET | {"KB_ROOT": str(broken_kb), "KB_LANG": "en", "TMPDIR": str(short_folder)}
        command = [
            sys.executable,
            str(DRIVER),
            str(seconds),
            *played,
            "--",
            "validate",
            "--all",
            "--device",
            "cpu",
            "--engine",
            "ray",
        ]
        process = subprocess.Popen(
            [sys.executable, "-c", HEARS_CTRL_C, *command, "--record", *words],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def evidence(root):
    return sorted(path.parent.relative_to(root / "evidence").as_posix() for path in root.glob("evidence/*/*/*/*.json"))


def wait_for_evidence(root, count, process):
    deadline = time.monotonic() + 90
    while len(evidence(root)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def everything(root):
    session = Session(store=Store(root), language="en")
    found = chosen(session, (), everything=True, gpu=None, as_gpu=None, touched_by=None)
    return sorted(answer.recipe_id for answer in found)


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_head_that_is_gone_ends_the_run_and_another_does_the_rest(broken_kb, start, comes_back):
    with cluster_of({"num_cpus": 2}) as nodes:
        first = start(0.5, "--address", nodes.address)
        wait_for_evidence(broken_kb, 3, first)
        nodes.head_node.kill_gcs_server(check_alive=False)
        if comes_back:
            nodes.head_node.start_gcs_server()
        killed_s = time.monotonic()
        _, errors = first.communicate(timeout=60)
        took_s = time.monotonic() - killed_s
    assert first.returncode == 3, errors
    assert took_s < 30
    assert f"KB351 The head of the cluster at {nodes_address(errors)} is gone" in errors
    assert "Traceback" not in errors
    kept = evidence(broken_kb)
    assert 3 <= len(kept) < len(everything(broken_kb))
    if not comes_back:
        return  # what follows is the same
    with cluster_of({"num_cpus": 4}) as nodes:
        second = start(0, "--address", nodes.address, "--resume")
        _, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert evidence(broken_kb) == everything(broken_kb)


def nodes_address(errors):
    return errors.partition("The head of the cluster at ")[2].partition(" ")[0]


def test_ctrl_c_leaves_no_process_and_no_folder_and_what_is_recorded_counts(broken_kb, start, short_folder):
    first = start(0.5)
    wait_for_evidence(broken_kb, 2, first)
    below = psutil.Process(first.pid).children(recursive=True)
    os.killpg(first.pid, signal.SIGINT)
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 130, errors
    assert "Traceback" not in errors
    _gone, alive = psutil.wait_procs(below, timeout=20)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    assert not list(short_folder.iterdir())
    assert 2 <= len(evidence(broken_kb)) < len(everything(broken_kb))


def test_what_ray_has_to_say_does_not_go_where_the_answer_goes(start, short_folder):
    process = start(0, "--gpu", "rtx-3070", "--json", played=("--log", short_folder / "log", "--dies", "once"))
    answer, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    results = json.loads(answer)["results"]
    assert results
    assert {result["verdict"] for result in results} == {"passed"}
    assert len(list((short_folder / "log").iterdir())) == 2 * len(results)
