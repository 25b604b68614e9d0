"""What the comparison does with results, and one simulated run of all of it."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import time_to_best_batch
from best_batch import finders
from best_batch.results import best_rate, missed_goals, share_of, table
from best_batch.sweep import every_for, swept
from time_to_best_batch import OTHERS, TUNE, main

from checkout import ROOT

SCRIPT = ROOT / "benchmarks" / "time_to_best_batch.py"
FOUND = {"verdict": "found", "batch": 16, "seconds": 12.0, "tried": [16], "num_probes": 1, "num_out_of_memory": 0}


def batch(rate, verdict="passed", retries=0, *, in_sweep=True):
    return {
        "verdict": verdict,
        "samples_per_s": rate,
        "num_alloc_retries": retries,
        "in_sweep": in_sweep,
        "seconds": 2.0,
    }


def document(found=FOUND, **batches):
    named = {name.removeprefix("b"): record for name, record in batches.items()}
    return {"contestants": {TUNE: found}, "batches": named}


def test_the_share_is_of_the_best_safe_batch_of_the_sweep():
    answer = document(
        b8=batch(90.0), b16=batch(97.0), b24=batch(100.0), b32=batch(120.0, retries=1), b40=batch(None, "oom")
    )
    assert best_rate(answer) == 100.0
    assert share_of(answer, TUNE) == pytest.approx(0.97)
    beside = document(FOUND | {"batch": 19}, b16=batch(100.0), b19=batch(110.0, in_sweep=False))
    assert best_rate(beside) == 100.0
    assert share_of(beside, TUNE) == pytest.approx(1.1)


@pytest.mark.parametrize("unsafe", [batch(None, "oom"), batch(130.0, retries=2), batch(50.0, "alloc_retries")])
def test_a_batch_that_is_not_safe_reaches_nothing(unsafe):
    answer = document(b8=batch(100.0), b16=unsafe)
    assert share_of(answer, TUNE) == 0
    assert "not safe" in "\n".join(table(answer, [TUNE]))
    assert missed_goals(answer, TUNE) == ["share 0.0 (goal 0.97)"]


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({}, []),
        ({"seconds": 30.5}, ["seconds 30.5 (goal 30)"]),
        ({"num_probes": 4}, ["num_probes 4 (goal 3)"]),
        ({"num_out_of_memory": 1}, ["num_out_of_memory 1 (goal 0)"]),
        ({"batch": 8}, ["share 0.9 (goal 0.97)"]),
        ({"batch": 99}, ["share None (goal 0.97)"]),
    ],
)
def test_each_goal_can_be_missed(changed, missed):
    answer = document(FOUND | changed, b8=batch(90.0), b16=batch(100.0))
    assert missed_goals(answer, TUNE) == missed


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Play the children; `ran` is what they were asked, in order."""

    class Asked:
        out = tmp_path / "deep" / "batches.json"
        ran = []  # noqa: RUF012 - one test, one class
        outcomes = {}  # noqa: RUF012
        limit = 20

        def run_each(self, _children, work, tasks, **_limits):
            for task in tasks:
                name = task.get("contestant") or task.get("batch") or TUNE
                self.ran.append(name)
                if isinstance(name, int):
                    fits = name <= self.limit
                    played = batch(float(name), "passed" if fits else "oom") if fits else {"verdict": "oom"}
                    yield self.outcomes.get(name, played)
                else:
                    yield self.outcomes.get(name, FOUND)

        def document(self):
            return json.loads(self.out.read_text())

        def __call__(self, *options):
            self.ran.clear()
            return main(["--cpu", "--out", str(self.out), "--code-version", "1", *options])

    asked = Asked()
    monkeypatch.setattr(time_to_best_batch, "run_each", asked.run_each)
    monkeypatch.setattr(time_to_best_batch, "nursery", lambda _start: None)
    return asked


def test_all_take_part_and_the_sweep_ends_where_memory_does(asked):
    assert asked() == 0
    assert asked.ran == [TUNE, *OTHERS, 1, 2, 4, 8, 16, 24]
    assert list(asked.document()["contestants"]) == [TUNE, *OTHERS]


def test_what_was_found_between_two_steps_of_the_sweep_is_measured_too(asked):
    asked.outcomes = {"accelerate": FOUND | {"batch": 19}}
    assert asked() == 0
    assert asked.ran[-1] == 19
    assert asked.document()["batches"]["19"]["in_sweep"] is False


def test_resuming_runs_only_what_is_missing(asked, capsys):
    assert asked("--limit-seconds", "0") == 1
    assert asked.ran == []
    assert "something is left" in capsys.readouterr().out
    assert asked() == 0
    before = asked.out.read_text()
    assert asked() == 0
    assert asked.ran == []
    assert asked.out.read_text() == before


def test_what_failed_is_said_and_run_again_when_asked(asked, capsys):
    asked.outcomes = {"lightning power": {"verdict": "missing", "error": "No module named 'lightning'. -> pip install"}}
    assert asked() == 1
    assert "missing  No module named 'lightning'. -> pip install" in capsys.readouterr().out
    asked.outcomes = {}
    assert asked("--retry") == 0
    assert asked.ran == ["lightning power"]


@pytest.mark.parametrize("rows", [1, 8, 20, 100, 608, 1300, 4096])
def test_a_sweep_takes_some_twenty_probes_whatever_fits(rows):
    batches = list(swept(every_for(rows)))
    assert batches == sorted(set(batches))
    num_probes = sum(batch <= rows for batch in batches) + 1
    assert num_probes <= 20
    if rows > 150:
        assert num_probes > 12


def test_a_knowledge_base_of_ones_own_is_the_one_that_is_asked(monkeypatch, broken_kb):
    monkeypatch.setattr(time_to_best_batch, "ROOT", broken_kb.parent / "elsewhere")
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    asked_of = []

    def run(command, **rest):
        if "tune" in command:
            asked_of.append(rest["env"]["KB_ROOT"])
        return SimpleNamespace(stdout="", stderr="", returncode=3)

    def of_run(run, **_rest):
        asked_of.append(run.question()["kb"])
        time_to_best_batch._kb_tune(run)
        return False

    monkeypatch.setattr(time_to_best_batch, "nursery", lambda _start: None)
    monkeypatch.setattr(time_to_best_batch.subprocess, "run", run)
    monkeypatch.setattr(time_to_best_batch, "_contest", of_run)
    main(["--cpu", "--out", str(broken_kb.parent / "a.json"), "--code-version", "1"])
    assert asked_of == [str(broken_kb)] * 2


def test_an_unfinished_file_of_another_version_is_set_aside(asked, capsys):
    asked.out.parent.mkdir()
    asked.out.write_text(json.dumps(asked_document(asked)), encoding="utf-8")
    before = asked.out.read_text()
    assert asked("--limit-rows", "30") == 0
    assert f"another limit_rows and is not complete; it is {asked.out.name}.old-1 now" in capsys.readouterr().out
    assert asked.out.with_name(f"{asked.out.name}.old-1").read_text() == before
    assert asked.document()["complete"] is True


def asked_document(asked):
    """Return a file of which one contestant is known."""
    options = time_to_best_batch._parser().parse_args(["--cpu", "--every", "8", "--code-version", "1"])
    header = time_to_best_batch._header(options, "t4/biobert/1t-512-full-speed")
    return header | {"complete": False, "contestants": {TUNE: FOUND}, "batches": {}}


def test_another_question_does_not_go_into_the_same_file(asked, capsys):
    asked()
    assert asked("--limit-rows", "30") == 2
    assert "made with another limit_rows" in capsys.readouterr().err
    asked.out.write_text("{}")
    assert asked() == 2
    assert "no file of this benchmark" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--every", "12"), ("--accelerate-start", "0"), ("--limit-rows", "x")])
def test_wrong_arguments(words, asked):
    with pytest.raises(SystemExit) as ended:
        asked(*words)
    assert ended.value.code == 2


def test_without_a_gpu_it_says_what_does_without(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("recipe_kb.cli.machine._devices", lambda _store: ((), "no driver"))
    assert main(["--out", str(tmp_path / "a.json")]) == 3
    assert "--cpu does without" in capsys.readouterr().err


def test_the_answer_of_the_command_is_read(monkeypatch, tmp_path):
    """What `kb tune --json` prints is what the benchmark reads, whether it was measured or not."""
    monkeypatch.setattr(time_to_best_batch, "gpu_of_this_machine", lambda _store: "t4")
    run = SimpleNamespace(
        start=SimpleNamespace(
            answer=SimpleNamespace(key=SimpleNamespace(model="biobert", max_length=512, gpu="t4")),
            store=SimpleNamespace(root=ROOT / "kb"),
        ),
        options=SimpleNamespace(child_seconds=120),
    )
    record = time_to_best_batch._kb_tune(run)
    assert record["verdict"] in {"failed", "found"}  # without a T4 nothing is measured, and that is no answer
    assert record["batch"] > 32
    assert record["num_probes"] == len(record["tried"])


def test_without_lightning_the_others_still_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning", None)
    question = {"kb": str(ROOT / "kb"), "model": "biobert", "max_length": 64, "settings": {}, "limit_rows": 4}
    record = finders.find({"question": question, "contestant": "lightning power"}, lambda: None)
    assert record["verdict"] == "missing"
    assert "pip install lightning" in record["error"]


@pytest.mark.slow
def test_a_simulation_of_all(tmp_path):
    out = tmp_path / "batches.json"
    command = [
        sys.executable,
        str(SCRIPT),
        "--cpu",
        "--out",
        str(out),
        "--limit-rows",
        "12",
        "--accelerate-start",
        "24",
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    answer = json.loads(out.read_text())
    found = answer["contestants"]
    assert ended.returncode in {0, 1}, ended.stderr
    assert "simulation" in ended.stdout
    assert (found[TUNE]["verdict"], found[TUNE]["num_out_of_memory"]) == ("found", 0)
    assert found[TUNE]["num_probes"] <= 3
    assert found[TUNE]["batch"] <= 12
    assert found["accelerate"]["num_out_of_memory"] == found["accelerate"]["num_probes"] - 1 > 0
    assert found["accelerate"]["batch"] <= 12
    for name in ("lightning power", "lightning binsearch"):
        if found[name]["verdict"] != "missing":
            assert found[name]["num_out_of_memory"] > 0
            assert found[name]["batch"] <= 12
    assert answer["batches"]["16"]["verdict"] == "oom"
