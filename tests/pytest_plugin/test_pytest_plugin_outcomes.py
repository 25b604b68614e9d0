"""What becomes of a test when a recipe passes, fails, cannot run, or is worse than before."""

from itertools import pairwise

import pytest

pytest_plugins = ["pytester"]

PASSES = "def test_recipe(kb_recipe):\n    kb_recipe.assert_passed()\n"
RECIPE = "t4/biobert/8t-512-full"
ONE = ("--kb-recipes", RECIPE, "--kb-device", "cpu")


def test_a_recipe_that_passes_passes(run_pytest, pytester):
    run_pytest(*ONE, "--kb-steps", "7", test=PASSES, says={}).assert_outcomes(passed=1)
    (call,) = pytester.calls()
    assert call.split()[:3] == [RECIPE, "7", "cpu"]


def test_a_failure_reads_as_kb_validate_and_not_as_a_traceback(run_pytest):
    says = {"verdict": "crash", "reason": "killed by SIGKILL: its last words"}
    result = run_pytest(*ONE, test=PASSES, says=says)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"{RECIPE} · CPU · the training crashed", "*its last words*", "Confirmed here"])
    assert "Traceback" not in result.stdout.str()
    assert "pytest_plugin" not in result.stdout.str()


@pytest.mark.parametrize("verdicts", [["oom", "passed", "passed"], ["passed", "oom", "passed"]])
def test_a_recipe_that_fails_once_of_three_times_fails(run_pytest, verdicts):
    test = "def test_recipe(kb_recipe):\n    kb_recipe.assert_passed(repeats=3, ladder=False)\n"
    result = run_pytest(*ONE, test=test, says={"verdicts": verdicts, "reason": "out of memory: CUDA"})
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"{RECIPE} · CPU · out of memory", "*did not pass*1 of 3 runs*"])


def test_what_cannot_run_here_is_skipped_with_the_reason(run_pytest):
    says = {"verdict": "unsupported", "reason": "transformers does not build it"}
    result = run_pytest(*ONE, test=PASSES, says=says)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"*SKIPPED*{RECIPE}: transformers does not build it*"])


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_that_is_not_there_is_skipped_with_the_next_command(run_pytest):
    result = run_pytest("--kb-recipes", RECIPE, "--kb-device", "cuda", test=PASSES, says={})
    result.assert_outcomes(skipped=1)
    assert "KB302" in result.stdout.str()
    assert "pytest --kb-device cpu" in result.stdout.str()


def test_two_questions_about_one_recipe_train_it_once(run_pytest, pytester):
    test = (
        PASSES
        + "\ndef test_verdict(kb_recipe):\n    assert kb_recipe.validate().verdict == 'passed'\n"
        + "\ndef test_longer(kb_recipe):\n    assert kb_recipe.validate(steps=9).recipe == kb_recipe.id\n"
    )
    run_pytest(*ONE, test=test, says={}).assert_outcomes(passed=3)
    assert [call.split()[1] for call in pytester.calls()] == ["None", "9"]


def test_a_question_that_makes_no_sense_fails_in_words(run_pytest):
    test = "def test_recipe(kb_recipe):\n    kb_recipe.validate(stesp=3)\n"
    result = run_pytest(*ONE, test=test, says={})
    result.assert_outcomes(failed=1)
    assert "KB231 validate() takes no stesp" in result.stdout.str()


def test_another_card_than_the_recipes_cannot_be_played(run_pytest, pytester):
    test = "def test_recipe(kb_recipe):\n    kb_recipe.validate(as_gpu='a100-40gb', device='auto')\n"
    result = run_pytest(*ONE, test=test, says={})
    result.assert_outcomes(failed=1)
    assert "KB218" in result.stdout.str()
    assert not pytester.calls()


def test_recipes_are_tests_where_no_test_uses_them(run_pytest, pytester):
    pytester.makepyfile("def test_something_else(): pass")
    result = run_pytest("-v", "--kb-recipes", "t4/biobert/*", "--kb-device", "cpu", says={})
    result.assert_outcomes(passed=7)
    assert f"kb-recipes::{RECIPE} PASSED" in result.stdout.str()
    assert len(pytester.calls()) == 6


def test_recipes_that_are_tests_can_be_deselected(run_pytest, pytester):
    result = run_pytest("--kb-recipes", "t4/biobert/*", "--kb-device", "cpu", "-k", "8t-512", says={})
    result.assert_outcomes(passed=1, deselected=5)


def test_they_are_no_tests_where_only_the_configuration_file_names_them(run_pytest, pytester):
    pytester.makeini("[pytest]\nkb_recipes = t4/*\n")
    run_pytest(test="def test_something_else(): pass", says={}).assert_outcomes(passed=1)
    assert not pytester.calls()


def test_a_recipe_that_is_a_test_fails_and_reports_its_figures(run_pytest, pytester):
    result = run_pytest(*ONE, "--junit-xml", "report.xml", says={"verdict": "no_progress", "reason": "mean loss rose"})
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"{RECIPE} · CPU · the loss does not fall"])
    report = (pytester.path / "report.xml").read_text(encoding="utf-8")
    assert '<property name="samples_per_s" value="40.0"' in report
    assert '<property name="verdict" value="no_progress"' in report


@pytest.fixture
def recorded(run_pytest, broken_kb, monkeypatch):
    """A knowledge base with one record of the recipe, at 40 samples a second."""
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    test = "def test_recipe(kb_recipe):\n    kb_recipe.validate(record=True)\n"
    run_pytest(*ONE, test=test, says={}).assert_outcomes(passed=1)
    assert len(list((broken_kb / "evidence" / RECIPE).glob("*.json"))) == 1


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("samples_per_s", "outcome"),
    [pytest.param(40.0, "passed", marks=pytest.mark.slow), (37.0, "passed"), (35.0, "failed")],
)
def test_ten_percent_less_throughput_than_on_record_fails(run_pytest, samples_per_s, outcome):
    result = run_pytest(*ONE, "--kb-baseline", test=PASSES, says={"samples_per_s": samples_per_s})
    result.assert_outcomes(**{outcome: 1})


def test_nothing_on_record_is_no_pass(run_pytest, broken_kb, monkeypatch):
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    result = run_pytest(*ONE, "--kb-baseline", test=PASSES, says={})
    result.assert_outcomes(failed=1)
    assert "nothing on record to compare with" in result.stdout.str()


@pytest.mark.slow
def test_workers_take_turns(run_pytest, pytester):
    words = ("-n", "3", "--kb-recipes", "t4/biobert/*-512-full", "--kb-device", "cpu")
    run_pytest(*words, says={"takes_s": 0.5}).assert_outcomes(passed=3)
    times = sorted(tuple(map(float, call.split()[3:])) for call in pytester.calls())
    assert len(times) == 3
    for (_, ended), (begun, _) in pairwise(times):
        assert ended <= begun


@pytest.mark.slow
def test_a_real_training(run_pytest):
    words = ("--kb-recipes", "t4/all-minilm-l6-v2/1t-64-full", "--kb-device", "cpu", "--kb-steps", "8", "-rA")
    run_pytest(*words).assert_outcomes(passed=1)
