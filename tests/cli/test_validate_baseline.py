"""A comparison as people and programs read it, and the exit code that a pipeline acts on."""

import json

import pytest

from recipe_kb import i18n
from recipe_kb.cli.validate_baseline import comparison_json, exit_code, print_comparison
from recipe_kb.errors import CannotHereError, Exit
from recipe_kb.regress.compare import compare
from recorded import PLAYED_T4, RECIPE, on_cpu, on_gpu

SAME = compare([on_gpu()], [on_gpu()])
IMPROVED = compare([on_gpu({"samples_per_s": 80.0})], [on_gpu()])
REGRESSION = compare([on_gpu({"peak_reserved_bytes": 5 * 2**30})], [on_gpu(), on_gpu()])
FAILED = compare([on_gpu(), on_gpu(verdict="timeout", reason="no result within 300 s")], [])
OTHER = compare([on_gpu(fingerprint={"torch": "2.14.0", "gpu_total_bytes": 2**34})], [on_gpu()])
MISSING = compare([on_gpu()], [])
UNSUPPORTED = compare([on_gpu(verdict="unsupported", reason="device cuda: torch finds no CUDA GPU")], [])
DISTURBED = compare([on_gpu(not_comparable=("killed by SIGKILL",))], [on_gpu()])
ALL = {
    "same": SAME,
    "improved": IMPROVED,
    "regression": REGRESSION,
    "failed": FAILED,
    "other": OTHER,
    "missing": MISSING,
    "unsupported": UNSUPPORTED,
    "disturbed": DISTURBED,
}


@pytest.mark.parametrize("worst", [REGRESSION, FAILED])
def test_a_finding_wins_over_what_could_not_be_compared(worst):
    assert exit_code([SAME, MISSING, worst, OTHER]) == Exit.FINDING


def test_better_is_no_finding_and_nothing_is_none():
    assert exit_code([SAME, IMPROVED]) == exit_code([]) == Exit.DONE


@pytest.mark.parametrize(
    ("comparison", "code", "command"),
    [
        (MISSING, "KB321", f"kb validate {RECIPE} --record"),
        (OTHER, "KB322", f"kb validate {RECIPE} --record"),
        (DISTURBED, "KB322", f"kb validate {RECIPE} --baseline"),
        (UNSUPPORTED, "KB322", "kb doctor"),
        (compare([on_cpu()], []), "KB321", f"kb validate {RECIPE} --device cpu --record"),
        (
            compare([on_gpu(mode="emulated", emulation=PLAYED_T4)], []),
            "KB321",
            f"kb validate {RECIPE} --as-gpu t4 --record",
        ),
    ],
)
def test_what_could_not_be_compared_is_no_pass_and_names_the_next_command(comparison, code, command):
    with pytest.raises(CannotHereError) as caught:
        exit_code([SAME, comparison])
    (problem,) = caught.value.problems
    assert caught.value.exit_code == 3
    assert (problem.code, problem.where, problem.next_command) == (code, RECIPE, command)


def test_every_recipe_that_could_not_be_compared_is_said():
    with pytest.raises(CannotHereError) as caught:
        exit_code([MISSING, SAME, OTHER])
    assert len(caught.value.problems) == 2
    assert "torch" in caught.value.problems[1].what


@pytest.mark.parametrize(
    ("comparison", "lines"),
    [
        (SAME, ["as before", "1 record of 2026-11-22", "4.00 GiB -> 4.00 GiB (+0.0%)  within limits"]),
        (IMPROVED, ["better than before", "64.000 -> 80.000 (+25.0%)     better"]),
        (REGRESSION, ["worse than before", "2 records of 2026-11-22", "(+25.0%)  worse; the limit is +3%"]),
        (FAILED, ["did not pass", "1 of 2 runs  timeout: no result within 300 s"]),
        (OTHER, ["torch              2.13.0 -> 2.14.0", "memory of the GPU  14.56 GiB -> 16.00 GiB  differs"]),
        (MISSING, ["nothing on record to compare with"]),
        (
            DISTURBED,
            ["not comparable         killed by SIGKILL", "64.000 -> -", "not compared: no run is comparable"],
        ),
        (compare([on_gpu({"loss_first": 4.0})], [on_gpu()]), ["2.000 -> 4.000 (+100.0%)", "the limit is ±5%"]),
    ],
)
def test_the_text_says_what_and_how_much(comparison, lines, capsys):
    print_comparison(comparison)
    said = capsys.readouterr().out
    for line in lines:
        assert line in said, said


def test_a_change_that_rounds_to_nothing_has_no_minus_sign(capsys):
    print_comparison(compare([on_gpu({"samples_per_s": 63.99999})], [on_gpu()]))
    assert "64.000 -> 64.000 (+0.0%)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ALL)
def test_json_has_the_outcome_and_numbers_and_is_the_same_in_both_languages(name):
    english = json.loads(json.dumps(comparison_json(ALL[name]), allow_nan=False))
    i18n.activate("vi")
    assert json.loads(json.dumps(comparison_json(ALL[name]))) == english
    assert english["outcome"] == ALL[name].outcome
    assert english["verdict"] == ALL[name].run.verdict


def test_json_of_a_regression():
    document = comparison_json(REGRESSION)
    (worse,) = (row for row in document["metrics"] if row["finding"] == "worse")
    assert (worse["name"], worse["change"], worse["limit"]) == ("peak_reserved_bytes", 0.25, 0.03)
    assert len(document["baseline"]) == 2
    assert comparison_json(OTHER)["differences"][0] == {
        "name": "gpu_total_bytes",
        "before": 15_637_086_208,
        "now": 2**34,
    }
