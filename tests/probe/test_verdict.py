"""From steps to a verdict, and what it confirms."""

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.probe.plan import plan_run
from recipe_kb.probe.verdict import aspects, judge, loss_trend
from recipe_kb.schema.evidence import Aspect, Verdict
from recipe_kb.training.steps import Step

losses = st.floats(0.001, 100)


def step(loss=1.0, grad_norm=1.0, *, skipped=False):
    return Step(loss=loss, grad_norm=grad_norm, time_s=0.1, skipped=skipped)


def falling(num_steps=16):
    return [step(loss=2.0 - index / num_steps) for index in range(num_steps)]


def verdict_of(steps, *, steps_per_round=1, num_alloc_retries=None):
    return judge(steps, steps_per_round=steps_per_round, num_alloc_retries=num_alloc_retries).verdict


@given(st.lists(losses, min_size=2, max_size=40), st.integers(1, 12))
def test_windows_hold_whole_rounds_and_do_not_overlap(values, steps_per_round):
    steps = [step(loss=value) for value in values]
    trend = loss_trend(steps, steps_per_round)
    if len(values) < 2 * steps_per_round:
        assert trend is None
        return
    windows = range(steps_per_round, len(values) // 2 + 1, steps_per_round)
    means = [(sum(values[:size]) / size, sum(values[-size:]) / size) for size in windows]
    assert any(trend == pytest.approx(pair) for pair in means)


@given(st.lists(losses, min_size=8, max_size=40), st.integers(1, 4))
def test_progress_is_a_lower_mean_and_nothing_else(values, steps_per_round):
    steps = [step(loss=value) for value in values]
    trend = loss_trend(steps, steps_per_round)
    assert verdict_of(steps, steps_per_round=steps_per_round) == (
        "passed" if trend.last < trend.first else "no_progress"
    )


@given(st.integers(0, 15), st.sampled_from([math.nan, math.inf, -math.inf]), st.booleans())
def test_one_value_that_is_not_finite_is_enough(position, value, in_the_loss):
    steps = falling()
    steps[position] = step(loss=value) if in_the_loss else step(grad_norm=value)
    judgement = judge(steps, steps_per_round=1, num_alloc_retries=0)
    assert judgement.verdict == "not_finite"
    assert f"step {position + 1} of 16" in judgement.reason


@given(st.integers(0, 16))
def test_a_few_skipped_steps_are_the_scalers_way(num_skipped):
    steps = [step(s.loss, math.inf, skipped=True) if i < num_skipped else s for i, s in enumerate(falling())]
    assert verdict_of(steps) == ("passed" if num_skipped <= 8 else "not_finite")


def test_a_tied_task_order_does_not_look_like_progress():
    """Two tasks whose losses differ and never change: windows of whole rounds are equal."""
    steps = [step(loss=1.0 + index % 3) for index in range(16)]
    assert verdict_of(steps, steps_per_round=3) == "no_progress"


def test_retries_of_the_allocator_spoil_a_good_run():
    assert verdict_of(falling(), num_alloc_retries=1) == "alloc_retries"
    assert verdict_of(falling(), num_alloc_retries=0) == "passed"


def test_too_short_a_run_passes_and_says_so():
    judgement = judge([step()], steps_per_round=1, num_alloc_retries=0)
    assert judgement.verdict == "passed"
    assert "too few" in judgement.reason


@pytest.mark.parametrize("own_gpu", [False, True])
@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_aspects(ask, verdict, own_gpu):
    plan = plan_run(ask("t4/tiny/3t-64-full-2x", settings={"gradient_accumulation_steps": 2}), "cpu")
    confirmed, needs_gpu = aspects(verdict, plan, own_gpu=own_gpu, loss_compared=True, timed=True)
    assert not set(confirmed) & set(needs_gpu)
    assert ("trains" in confirmed) == (verdict in {"passed", "alloc_retries", "no_progress"})
    assert ("loss_falls" in confirmed) == (verdict in {"passed", "alloc_retries"})
    if not own_gpu:
        assert needs_gpu == ("memory", "speed", "precision")
    elif verdict == "passed":
        assert set(confirmed) == set(get_args(Aspect))


def test_only_what_was_run_is_confirmed(ask):
    plan = plan_run(ask(), "cpu")
    assert aspects("passed", plan, own_gpu=False, loss_compared=False, timed=True)[0] == ("trains", "gradients_finite")


def test_too_short_a_run_on_the_right_gpu_confirms_no_hardware(ask):
    plan = plan_run(ask(), "cuda")
    for compared, timed in ((False, True), (True, False)):
        confirmed, _ = aspects("passed", plan, own_gpu=True, loss_compared=compared, timed=timed)
        assert not set(confirmed) & {"memory", "speed", "precision"}
