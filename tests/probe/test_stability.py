"""When step times have settled: the rule, and what it must not be fooled by."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recipe_kb.probe.plan import MAX_STEPS, plan_run
from recipe_kb.probe.stability import LIMIT_S, MIN_TIMED_S, MIN_TIMED_STEPS, WARM_UP_STEPS, is_enough, is_stable

lengths = st.floats(0.25, 100)
with_ask = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # `ask` keeps no state


@given(lengths, st.integers(0, 400))
def test_equal_times_are_stable_once_there_are_enough(time_s, count):
    wanted = count >= MIN_TIMED_STEPS and sum([time_s] * count) >= MIN_TIMED_S
    assert is_stable([time_s] * count) == wanted


@given(st.floats(0.0001, 0.1), st.integers(8, 100))
def test_two_seconds_are_the_least(time_s, count):
    times_s = [time_s] * count
    assert is_stable(times_s) == (sum(times_s) >= MIN_TIMED_S)


@given(st.lists(lengths, min_size=8, max_size=60), st.sampled_from([0.5, 2, 8]))
def test_the_unit_of_time_does_not_matter(times_s, factor):
    assume(sum(times_s) * min(1, factor) >= MIN_TIMED_S)
    assert is_stable(times_s) == is_stable([time_s * factor for time_s in times_s])


@given(st.floats(0.3, 100), st.integers(8, 400), st.integers(0, 2**32))
def test_noise_below_one_percent_is_stable(time_s, count, seed):
    noise = random.Random(seed)  # noqa: S311 - noise, no secret
    assert is_stable([time_s * noise.uniform(0.992, 1.008) for _ in range(count)])


@given(lengths, st.integers(16, 400), st.floats(0.06, 1))
def test_a_drift_is_not_stable(time_s, count, per_window):
    """Times that grow by more than 6 % within the window; the medians of its halves are half of that apart."""
    growth = per_window / min(64, max(8, count // 2))
    assert not is_stable([time_s * (1 + growth * index) for index in range(-count + 1, 1) if growth * index > -1])


@given(lengths, st.integers(4, 100), st.floats(0.12, 5))
def test_steps_that_alternate_are_not_stable(time_s, count, extra):
    assert not is_stable([time_s, time_s * (1 + extra)] * (2 * count))


@given(lengths, st.integers(2, 20), st.floats(1, 50))
def test_one_late_step_in_ten_is_the_way_of_workers(time_s, tens, factor):
    times_s = ([time_s] * 9 + [time_s * factor]) * tens
    assert is_stable([*times_s, *[time_s] * 9])


@given(lengths, st.integers(1, 30), st.floats(1.2, 50))
def test_a_slow_start_is_forgotten(time_s, slow, factor):
    start = [time_s * factor] * slow
    assert is_stable([*start, *[time_s] * max(slow, MIN_TIMED_STEPS)])


@with_ask
@given(
    tasks=st.integers(1, 12),
    accumulation=st.integers(1, 4),
    time_s=st.floats(0.001, 100),
    done=st.integers(0, 200),
)
def test_a_run_ends_after_whole_rounds_and_not_before_its_least(ask, tasks, accumulation, time_s, done):
    plan = plan_run(ask(f"t4/tiny/{tasks}t-64-full", settings={"gradient_accumulation_steps": accumulation}), "cuda")
    times_s = [time_s] * done
    if is_enough(plan, times_s):
        assert done >= plan.num_steps
        assert done % plan.steps_per_round == 0
        assert sum(times_s) >= LIMIT_S or is_stable(times_s[WARM_UP_STEPS:])
    elif done >= plan.num_steps and done % plan.steps_per_round == 0:
        assert sum(times_s[WARM_UP_STEPS:]) < MIN_TIMED_S


def test_a_run_that_never_settles_ends_all_the_same(ask):
    plan = plan_run(ask(), "cuda")
    restless = [1.0, 2.0] * 19
    assert sum(restless) < LIMIT_S
    assert not is_enough(plan, restless)
    assert is_enough(plan, [*restless, *restless])
    assert not is_stable([*restless, *restless])


@with_ask
@given(tasks=st.integers(1, 600), num_steps=st.none() | st.integers(1, 3000))
def test_only_a_gpu_that_may_choose_goes_on(ask, tasks, num_steps):
    request = ask(f"t4/tiny/{tasks}t-64-full", num_steps=num_steps)
    on_gpu, on_cpu = plan_run(request, "cuda"), plan_run(request, "cpu")
    assert not on_cpu.open_ended
    assert on_cpu.max_steps == on_cpu.num_steps
    assert on_gpu.max_steps >= on_gpu.num_steps
    assert on_gpu.max_steps <= max(MAX_STEPS, on_gpu.num_steps)
    assert on_gpu.open_ended == (num_steps is None and tasks * 3 < MAX_STEPS - MAX_STEPS % tasks)
    if on_gpu.open_ended:
        assert on_gpu.max_steps % on_gpu.steps_per_round == 0
    assert on_gpu.num_micro_batches == on_gpu.max_steps * request.recipe.settings.gradient_accumulation_steps


@pytest.mark.parametrize("num_steps", [2, 16])
def test_a_plan_is_open_only_by_its_limit(ask, num_steps):
    plan = plan_run(ask(num_steps=num_steps), "cuda")
    assert not plan.open_ended
    assert replace(plan, max_steps=num_steps + 1).open_ended
