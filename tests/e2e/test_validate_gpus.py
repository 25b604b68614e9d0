"""`kb validate --num-gpus` as people run it, on this CPU: one evidence file, under the id of so many cards."""

import json

import pytest

RECIPE = "t4/all-minilm-l6-v2/2t-64-full"


@pytest.mark.slow
def test_two_processes_leave_one_evidence_file(kb, broken_kb):
    words = ("validate", RECIPE, "--num-gpus", "2", "--device", "cpu", "--steps", "4", "--record", "--json")
    result = kb(*words, root=broken_kb)
    assert result.returncode == 0, result.stderr
    (found,) = json.loads(result.stdout)["results"]
    assert (found["recipe"], found["num_gpus"], found["parallel"]) == (f"{RECIPE}-2x", 2, "ddp")
    assert "several_gpus" in found["confirmed"]
    assert [rank["verdict"] for rank in found["ranks"]] == ["passed", "passed"]
    assert found["evidence"].endswith("-2x-cpu.json")
    again = kb("validate", f"{RECIPE}-2x", "--device", "cpu", "--steps", "4", "--resume", "--json", root=broken_kb)
    (skipped,) = json.loads(again.stdout)["results"]
    assert skipped["skipped"].endswith("-2x-cpu.json")
    assert "No problems" in kb("check", root=broken_kb).stdout


def test_an_id_of_another_count_is_refused_before_anything_is_trained(kb):
    result = kb("validate", f"{RECIPE}-2x", "--num-gpus", "4", "--device", "cpu")
    assert result.returncode == 2
    assert "is a recipe for 2 GPUs; --num-gpus asks for 4" in result.stderr


@pytest.mark.slow
def test_two_cards_can_be_capped_at_the_prediction_for_each(kb):
    """There is no GPU here, and no smaller run instead."""
    result = kb("validate", f"{RECIPE}-2x", "--at-prediction", "--json")
    assert result.returncode == 3, result.stderr
    (found,) = json.loads(result.stdout)["results"]
    assert (found["verdict"], found["num_gpus"], found["parallel"]) == ("unsupported", 2, "ddp")
