"""A run that goes on until its step times settle: our own child, made to do on this CPU what it does on a GPU."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from recipe_kb.probe import plan, report, run
from recipe_kb.probe.run import probe

SRC = Path(__file__).parents[2] / "src"
MAX_STEPS = 60
OPEN_ENDED = """
from dataclasses import replace
import recipe_kb.probe.session as session
import recipe_kb.probe.stability as stability
plan_run = session.plan_run
session.plan_run = lambda *words: replace(plan_run(*words), max_steps={max_steps})
{change}
from recipe_kb.probe.child import main
main()
"""


@pytest.fixture(autouse=True)
def open_ended(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    for module in (run, report):
        monkeypatch.setattr(module, "plan_run", lambda *words: replace(plan.plan_run(*words), max_steps=MAX_STEPS))


def child(change):
    return [sys.executable, "-c", OPEN_ENDED.format(max_steps=MAX_STEPS, change=change)]


def test_it_ends_at_the_first_whole_round_that_is_stable(ask):
    """Stable is here what the thirtieth step is past; with three tasks that is seen at the thirty-third."""
    change = "stability.is_stable = lambda times_s: len(times_s) > 27"
    evidence = probe(ask("t4/tiny/3t-64-full", num_steps=18), command=child(change))
    assert evidence.measured.num_steps == 33
    assert "loss_falls" in evidence.confirmed


@pytest.mark.slow
def test_it_ends_at_its_limit(ask):
    evidence = probe(ask(), command=child("stability.is_stable = lambda times_s: False"))
    assert evidence.measured.num_steps == MAX_STEPS
    assert "loss_falls" in evidence.confirmed


@pytest.mark.slow
def test_it_ends_when_its_time_is_over(ask):
    change = "stability.is_stable = lambda times_s: False; stability.LIMIT_S = 0.0"
    assert probe(ask(), command=child(change)).measured.num_steps == 16


@pytest.mark.slow
def test_the_evidence_says_whether_it_settled(ask):
    evidence = probe(ask(), command=child("stability.is_stable = lambda times_s: False"))
    assert isinstance(evidence.measured.stable, bool)
    assert evidence.measured.clock == "host"
