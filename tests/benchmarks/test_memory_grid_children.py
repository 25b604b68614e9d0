"""A child that raises, dies or hangs is a recorded verdict, and only one of them has the GPU at a time."""

import os
import time

import pytest
from memory_grid.children import nursery, run_each

LIMIT_S = 20


@pytest.fixture
def run(own_environ):
    def run(function, tasks, *, ahead=1, limit_s=LIMIT_S, start="forkserver"):
        born = nursery(start, preload="json")
        return list(run_each(born, f"faulty_work:{function}", tasks, ahead=ahead, limit_s=limit_s))

    return run


@pytest.mark.parametrize("start", ["forkserver", "spawn"])
def test_what_a_child_returns_comes_back_in_order(run, start):
    records = run("echo", [{"say": word} for word in "abc"], start=start)
    assert [record["said"] for record in records] == ["a", "b", "c"]
    assert all(record["child_s"] > 0 for record in records)


@pytest.mark.parametrize("when", ["early", "late"])
@pytest.mark.parametrize(
    ("how", "verdict", "error"),
    [
        ("raise", "error", "ValueError: what went wrong"),
        ("exit", "crash", "exit code 7"),
        ("signal", "crash", "SIGKILL"),
    ],
)
def test_a_failure_is_a_verdict_and_the_next_child_runs(run, how, when, verdict, error):
    bad, good = run("go_wrong", [{"how": how, "when": when}, {"how": "well"}])
    assert bad["verdict"] == verdict
    assert error in bad["error"]
    assert verdict == "error" or "last words" in bad["error"]
    assert good["verdict"] == "measured"


@pytest.mark.parametrize("when", ["early", "late"])
def test_a_child_that_hangs_is_ended_at_its_limit(run, when, tmp_path):
    start = time.monotonic()
    log = tmp_path / "log"
    bad, good = run("go_wrong", [{"how": "hang", "when": when, "log": str(log)}, {"how": "well"}], limit_s=3)
    assert bad["verdict"] == "timeout"
    assert "within 3 s" in bad["error"]
    assert good["verdict"] == "measured"
    assert time.monotonic() - start < LIMIT_S
    with pytest.raises(ProcessLookupError):
        os.kill(int(log.read_text()), 0)


def test_turns_do_not_overlap_and_the_next_child_is_prepared_before_its_turn(run, tmp_path):
    log = tmp_path / "log"
    records = run("write_turn", [{"log": str(log), "name": name} for name in "abc"], ahead=2)
    lines = log.read_text().splitlines()
    turns = [line for line in lines if not line.startswith("prepared")]
    assert turns == [f"{what} {name}" for name in "abc" for what in ("begins", "ends")]
    assert lines.index("prepared b") < lines.index("ends a")
    assert len({record["pid"] for record in records}) == 3
