"""The exit code of `kb validate`, from records that a machine without a GPU cannot make."""

import pytest

from recipe_kb.cli.main import run
from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.cli.validate import _exit_code
from recipe_kb.cli.validate_run import Outcome
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store
from recorded import RECIPE, on_gpu


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
