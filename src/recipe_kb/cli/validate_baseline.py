"""How a probe compares with what is on record, as a person and as a program reads it, and the exit code."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from recipe_kb.cli.group import terminal_width
from recipe_kb.cli.output import columns
from recipe_kb.errors import CannotHereError, Exit, Problem
from recipe_kb.i18n import _
from recipe_kb.regress.compare import Comparison
from recipe_kb.regress.words import lines, outcome_words, remedy, summary

_COLOURS = {"same": "green", "improved": "green", "regression": "red", "failed": "red"}
_CODES = {"no_baseline": "KB321", "not_comparable": "KB322"}


def print_comparison(comparison: Comparison) -> None:
    """Print one comparison below the probe that it is about."""
    click.echo()
    heading = _("Compared with what is on record: {outcome}").format(outcome=outcome_words(comparison.outcome))
    click.secho(heading, fg=_COLOURS.get(comparison.outcome, "yellow"), bold=True)
    columns(lines(comparison), terminal_width())


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return one comparison for programs; shares of 1, bytes, no text that is translated."""
    return {
        "outcome": comparison.outcome,
        "verdict": comparison.run.verdict,
        "num_runs": comparison.num_runs,
        "num_failed": comparison.num_failed,
        "baseline": [one.started for one in comparison.baseline],
        "metrics": [asdict(row) for row in comparison.rows],
        "differences": [asdict(one) for one in comparison.differences],
    }


def exit_code(comparisons: Sequence[Comparison]) -> Exit:
    """Return 1 if anything is worse or did not pass, else 0.

    Raises:
        CannotHereError: Nothing is, but not everything could be compared: exit code 3, with what to do about each.
    """
    if any(one.outcome in {"regression", "failed"} for one in comparisons):
        return Exit.FINDING
    problems = [_problem(one) for one in comparisons if one.outcome in _CODES]
    if problems:
        raise CannotHereError(*problems)
    return Exit.DONE


def _problem(comparison: Comparison) -> Problem:
    return Problem(
        code=_CODES[comparison.outcome],
        what=summary(comparison),
        where=comparison.run.recipe,
        next_command=remedy(comparison),
    )
