"""What the command does with results and verdicts, and one tiny run of all of it."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import gpu_memory_grid
import pytest
from gpu_memory_grid import main
from memory_grid.configuration import Configuration
from memory_grid.grid import configurations

from checkout import ROOT

GRID = configurations()
SCRIPT = ROOT / "benchmarks" / "gpu_memory_grid.py"
CHOSEN = GRID[:5]
FOUND = {"verdict": "described", "machine": {"gpu": "NVIDIA Test", "packages": {"torch": "2.13.0"}}}


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Play the children: `outcomes` by id, all else measured; `ran` are the ids that had their turn."""

    class Asked:
        out = tmp_path / "deep" / "grid.json"
        found = FOUND
        outcomes = {}  # noqa: RUF012 - one test, one class
        ran = []  # noqa: RUF012
        on_disk = []  # noqa: RUF012

        def run_each(self, _children, work, tasks, **_limits):
            for task in tasks:
                if work.endswith(":describe"):
                    yield self.found
                    continue
                self.on_disk.append(len(self.results()) if self.out.exists() else 0)
                configuration = Configuration.from_json(task["configuration"])
                self.ran.append(configuration.id)
                yield {"run_s": len(self.ran), **self.outcomes.get(configuration.id, {"verdict": "measured"})}

        def results(self):
            return json.loads(self.out.read_text())["results"]

        def __call__(self, *options):
            self.ran.clear()
            return main(["--out", str(self.out), "--code-version", "1", *options])

    asked = Asked()
    monkeypatch.setattr(gpu_memory_grid, "run_each", asked.run_each)
    monkeypatch.setattr(gpu_memory_grid, "nursery", lambda _start: None)
    monkeypatch.setattr(gpu_memory_grid, "configurations", lambda: CHOSEN)
    return asked


def test_a_result_is_on_disk_before_the_next_run_begins(asked):
    assert asked() == 0
    assert asked.on_disk == [0, 1, 2, 3, 4]
    for configuration, result in zip(CHOSEN, asked.results(), strict=True):
        assert (result["id"], result["held_out"]) == (configuration.id, configuration.held_out)
        assert Configuration.from_json(result["configuration"]) == configuration
    assert [path.name for path in asked.out.parent.iterdir()] == ["grid.json"]


def test_resuming_runs_only_what_is_missing(asked):
    assert asked("--only", CHOSEN[2].id) == 0
    assert asked() == 0
    assert asked.ran == [each.id for each in CHOSEN if each != CHOSEN[2]]
    before = asked.out.read_text()
    assert asked() == 0
    assert asked.ran == []
    assert asked.out.read_text() == before
    assert [result["id"] for result in asked.results()] == [each.id for each in CHOSEN]


def test_a_changed_configuration_is_run_again(asked, monkeypatch):
    asked()
    changed = (replace(CHOSEN[0], num_steps=CHOSEN[0].num_steps + 1), *CHOSEN[1:])
    monkeypatch.setattr(gpu_memory_grid, "configurations", lambda: changed)
    asked()
    assert asked.ran == [CHOSEN[0].id]


def test_failures_are_kept_until_a_retry_is_asked_for(asked, capsys):
    verdicts = ("measured", "oom", "unsupported", "crash", "timeout")
    asked.outcomes = {
        each.id: {"verdict": verdict, "error": f"why {verdict}"} for each, verdict in zip(CHOSEN, verdicts, strict=True)
    }
    assert asked() == 1
    assert "why crash" in capsys.readouterr().out
    assert asked() == 1
    assert asked.ran == []
    asked.outcomes = {}
    assert asked("--retry") == 0
    assert asked.ran == [CHOSEN[3].id, CHOSEN[4].id]


def test_it_stops_when_everything_fails(asked, capsys):
    asked.outcomes = {each.id: {"verdict": "error", "error": "the same each time"} for each in CHOSEN}
    assert asked() == 1
    assert len(asked.ran) == 3
    assert "2 left" in capsys.readouterr().out


def test_the_time_limit_starts_nothing_and_says_what_is_left(asked, capsys):
    assert asked("--limit-seconds", "0") == 1
    assert asked.ran == []
    assert "5 left" in capsys.readouterr().out


def test_results_of_another_machine_or_version_do_not_stand_beside_new_ones(asked, capsys):
    asked()
    asked.found = {**FOUND, "machine": {**FOUND["machine"], "packages": {"torch": "2.14.0"}}}
    before = asked.out.read_text()
    assert asked() == 2
    assert "torch was 2.13.0, is 2.14.0" in capsys.readouterr().err
    assert asked.out.read_text() == before
    asked.out.write_text("{}")
    assert asked() == 2


def test_an_unfinished_file_of_another_version_is_set_aside(asked, capsys):
    assert asked("--only", CHOSEN[0].id) == 0
    before = asked.out.read_text()
    for number in (1, 2):
        assert asked("--only", CHOSEN[0].id, "--code-version", f"other-{number}") == 0
        assert f"is not complete; it is {asked.out.name}.old-{number} now" in capsys.readouterr().out
        assert len(asked.ran) == 1
    assert asked.out.with_name(f"{asked.out.name}.old-1").read_text() == before


def test_missing_packages_are_named(asked, capsys):
    asked.found = {"verdict": "error", "error": "ModuleNotFoundError: No module named 'torch'"}
    assert asked() == 3
    assert "No module named 'torch'" in capsys.readouterr().err


def test_an_unknown_name_is_refused(asked, capsys):
    assert asked("--only", "bret-*") == 2
    assert "bret-*" in capsys.readouterr().err


def run_script(*options, **environ):
    command = [sys.executable, str(SCRIPT), *map(str, options)]
    one_thread = {"OMP_NUM_THREADS": "1"}  # tiny networks gain nothing from more
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | one_thread | environ, timeout=120, check=False
    )


def test_the_list_needs_neither_gpu_nor_torch():
    code = f"import sys; sys.argv = ['x', '--list']; sys.path.insert(0, {str(SCRIPT.parent)!r});"
    code += "import gpu_memory_grid; code = gpu_memory_grid.main(); assert 'torch' not in sys.modules; sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[-1] for line in done.stdout.splitlines()] == [configuration.id for configuration in GRID]
    assert sum(line.startswith("held out") for line in done.stdout.splitlines()) == sum(each.held_out for each in GRID)


@pytest.mark.slow
def test_without_a_gpu_it_says_what_it_needs(tmp_path):
    done = run_script("--out", tmp_path / "grid.json", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 3
    assert "NVIDIA GPU" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_tiny_networks_go_all_the_way_on_a_cpu(tmp_path):
    out = tmp_path / "grid.json"
    chosen = [
        "bert-base-uncased_8t-joint-128-full_b16x1-e32_bf16-sdpa-fused",
        "bert-base-uncased_1t-128-full_b16x1-e32_bf16-sdpa-fused_evaluate",
        "qwen2.5-0.5b_1t-256-full_b4x1-e4_bf16-sdpa-fused-padded",
    ]
    command = ["--cpu", "--out", out, *(word for name in chosen for word in ("--only", name))]
    done = run_script(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(out.read_text())
    assert (document["schema"], document["device"]) == ("gpu-memory-grid/1", "cpu")
    assert document["machine"]["packages"]["torch"]
    results = {result["id"]: result for result in document["results"]}
    assert set(results) == set(chosen)
    for name, result in results.items():
        assert result["verdict"] == "measured"
        assert "memory" not in result
        assert result["network"]["num_parameters"] < 1_000_000
        assert len(result["steps"]) == (0 if name.endswith("evaluate") else 4)
        assert all(step["time_s"] > 0 for step in result["steps"])
        assert Configuration.from_json(result["ran"]).model == result["configuration"]["model"]
    again = run_script(*command)
    assert "0 to run of 3" in again.stdout
    assert json.loads(out.read_text())["results"] == document["results"]
