"""From what became of a recipe to what becomes of the test: passed, failed or skipped."""

import io
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from recipe_kb.cli.validate_run import Outcome


def judge(outcome: "Outcome") -> None:
    """Return if it passed; else end the test that asked.

    Raises:
        pytest.fail.Exception: It did not pass, is a regression, or has no baseline; says what `kb validate` prints.
        pytest.skip.Exception: It cannot run here, or cannot be compared.
    """
    __tracebackhide__ = True
    from recipe_kb.regress.words import summary
    from recipe_kb.schema.reasons import in_language

    evidence, comparison = outcome.reported, outcome.comparison
    compared = comparison.outcome if comparison else None
    if evidence.verdict == "passed" and compared in {None, "same", "improved"}:
        return
    if comparison and compared == "not_comparable":
        pytest.skip(f"{outcome.answer.recipe_id}: {summary(comparison)}")
    if evidence.verdict == "unsupported" and compared is None:
        pytest.skip(f"{outcome.answer.recipe_id}: {in_language(evidence.reason or evidence.verdict)}")
    pytest.fail(_as_printed(outcome), pytrace=False)


def _as_printed(outcome: "Outcome") -> str:
    from recipe_kb.cli.validate_text import print_outcome

    text = io.StringIO()
    with redirect_stdout(text):
        print_outcome(outcome)
    return text.getvalue().strip()
