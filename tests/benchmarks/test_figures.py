"""What pages quote is written by benchmarks only, and holds what they measured."""

import json
import re
import subprocess
import sys

import figures
import pytest
from accuracy.case import OURS, Case, Estimate
from accuracy.figures import quoted_figures
from accuracy.spec import RowSpec
from figures import SCHEMA, write_figures

from checkout import ROOT

KEPT = sorted((ROOT / "docs" / "data" / "figures").glob("*.json"))


def case(number, measured, predicted, *, dynamic=False, precision="fp32", low=None, high=None):
    spec = RowSpec(
        id=f"R{number}",
        model="tiny",
        model_class="GPT2LMHeadModel",
        model_type="gpt2",
        config={},
        optimizer="AdamW",
        optimizer_from="torch",
        foreach=True,
        batch=number,
        accumulation=1,
        length=16,
        dynamic=dynamic,
        precision=precision,
        checkpointing="no",
        attention="eager",
        attention_mask=False,
        loop="bare",
        max_grad_norm=None,
        counter="device",
        context_mib=0.0,
        gpu="",
        capacity_mib=None,
        transformers="5.0.0",
        torch=None,
    )
    estimates = {} if predicted is None else {OURS: Estimate(mib=predicted, low=low, high=high)}
    return Case(id=f"R{number}", tier="A", set="in-sample", measured_mib=measured, spec=spec, estimates=estimates)


def test_a_file_says_who_made_it_and_keeps_six_digits(tmp_path):
    path = write_figures("some_benchmark.py", {"a": {"share": 1 / 3}, "count": 7, "name": "x"}, tmp_path)
    assert path == tmp_path / "some-benchmark.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["schema"], found["a"], found["count"], found["name"]) == (SCHEMA, {"share": 0.333333}, 7, "x")
    assert "benchmarks/some_benchmark.py --figures" in found["generated"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found["date"])


def test_what_is_no_number_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_figures("some_benchmark.py", {"a": float("nan")}, tmp_path)
    assert not list(tmp_path.glob("*.json"))


def test_groups_and_the_worst_run_are_those_of_the_cases():
    others = case(5, 1000.0, 1010.0)
    others.estimates["xMem"] = Estimate(mib=900.0)
    found = quoted_figures(
        [
            case(1, 1000.0, 1020.0),
            case(2, 1000.0, 925.0, precision="fp16"),
            case(3, 1000.0, 990.0, dynamic=True, low=980.0, high=1010.0),
            case(4, 1000.0, None),
            others,
        ]
    )
    assert (found["num_runs"], found["num_predicted"], found["num_half_precision"]) == (5, 4, 1)
    assert found["fixed"]["num_runs"] == 3
    assert found["fixed"]["median_error"] == pytest.approx(0.02)
    assert found["fixed"]["out_of_memory_share"] == pytest.approx(1 / 3)
    assert found["fixed"]["worst"] == {"id": "R2", "model": "tiny", "batch": 2, "error": pytest.approx(-0.075)}
    assert found["varying"]["in_interval_share"] == 1
    assert found["xmem"]["out_of_memory_share"] == 1
    assert found["dnnmem"] == {"num_runs": 0}


def test_only_all_public_rows_are_quoted():
    command = [sys.executable, "benchmarks/memory_accuracy.py", "--figures", "--limit", "3"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert "--limit" in result.stderr


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept_figures_come_from_a_benchmark_that_still_writes_them(path):
    found = json.loads(path.read_text(encoding="utf-8"))
    script = ROOT / "benchmarks" / f"{path.stem.replace('-', '_')}.py"
    assert found["schema"] == SCHEMA
    assert f"benchmarks/{script.name} --figures" in found["generated"]
    assert "write_figures(" in script.read_text(encoding="utf-8")


def test_there_are_kept_figures():
    assert {"memory-accuracy", "tune-simulation"} <= {path.stem for path in KEPT}
    assert figures.FOLDER == ROOT / "docs" / "data" / "figures"
