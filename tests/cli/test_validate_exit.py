"""The exit code of `kb validate`, from records that a machine without a GPU cannot make."""

from xml.etree import ElementTree as ET

import pytest

from recipe_kb.cli.machine import Device
from recipe_kb.cli.main import run
from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.cli.validate import _exit_code, _write_junit
from recipe_kb.cli.validate_run import Outcome, to_json
from recipe_kb.schema.reasons import NO_CUDA
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store
from recorded import RECIPE, on_cpu, on_gpu


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["passed", "passed"], 0),
        (["oom", "passed"], 1),
        (["passed", "oom"], 1),
        (["unsupported", "passed"], 3),
        (["unsupported", "crash"], 1),
    ],
)
def test_one_repeat_that_does_not_pass_is_a_finding_wherever_it_stands(verdicts, code):
    answer = answer_id(Store(default_root()), RECIPE)
    runs = [on_gpu(verdict=verdict) for verdict in verdicts]
    assert _exit_code([Outcome(answer=answer, runs=runs, paths=[None] * len(runs))]) == code


def test_no_recipe_to_compare_is_no_pass(broken_kb, monkeypatch, capsys):
    """Of a card that no recipe is for, there is no baseline either."""
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    words = ["validate", "--all", "--gpu", "l4", "--device", "cpu"]
    assert run([*words, "--baseline"]) == 3
    assert "KB321" in capsys.readouterr().err
    assert run(words) == 0


@pytest.mark.parametrize("verdicts", [["oom", "passed"], ["passed", "oom"]])
def test_the_report_is_about_the_repeat_that_did_not_pass(tmp_path, verdicts):
    answer = answer_id(Store(default_root()), RECIPE)
    runs = [on_gpu(verdict=verdict, reason=f"{verdict}: so it was") for verdict in verdicts]
    paths = [tmp_path / f"{verdict}.json" for verdict in verdicts]
    outcome = Outcome(answer=answer, runs=runs, paths=paths)
    assert (outcome.reported.verdict, outcome.path.name, outcome.num_failed) == ("oom", "oom.json", 1)
    assert to_json(outcome)["verdict"] == "oom"
    _write_junit(tmp_path / "report.xml", [outcome], seconds=1.0)
    (case,) = ET.parse(tmp_path / "report.xml").getroot().iter("testcase")  # noqa: S314 - our own file
    assert case.find("failure").get("type") == "oom"


def test_of_repeats_that_all_passed_the_last_is_reported():
    answer = answer_id(Store(default_root()), RECIPE)
    runs = [on_gpu(started=f"2026-11-22T10:00:0{second}+00:00") for second in (1, 2)]
    assert Outcome(answer=answer, runs=runs, paths=[None, None]).reported is runs[1]


@pytest.fixture
def torch_without_cuda(monkeypatch, broken_kb):
    """NVML shows a card, and torch finds none: an old driver, or a build for the CPU."""
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    card = Device(name="Tesla T4", total_bytes=16 * 10**9, gpu_id="t4")
    monkeypatch.setattr("recipe_kb.cli.machine._devices", lambda _store: ((card,), None))

    def probe(request, **_rest):
        return on_cpu(recipe=request.recipe_id, verdict="unsupported", reason=NO_CUDA, confirmed=(), measured=None)

    monkeypatch.setattr("recipe_kb.probe.run.probe", probe)
    return broken_kb / "evidence" / RECIPE


@pytest.mark.parametrize("words", [["--device", "cuda"], ["--device", "cuda", "--as-gpu", "t4"], ["--as-gpu", "t4"]])
def test_nothing_is_recorded_of_a_gpu_that_torch_does_not_find(torch_without_cuda, capsys, words):
    before = sorted(torch_without_cuda.glob("*"))
    assert run(["validate", RECIPE, *words, "--record"]) == 3
    assert "KB305" in capsys.readouterr().err
    assert sorted(torch_without_cuda.glob("*")) == before
