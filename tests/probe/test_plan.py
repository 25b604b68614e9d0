"""How long a probe is, and what it runs."""

import math

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recipe_kb.probe.plan import MIN_ROUNDS, MIN_STEPS, plan_run
from tiny import QWEN2


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # `ask` keeps no state
@given(tasks=st.integers(1, 64), accumulation=st.integers(1, 16), mixing=st.sampled_from(["interleaved", "joint"]))
def test_every_task_comes_three_times_and_equally_often_in_a_round(ask, tasks, accumulation, mixing):
    request = ask(f"t4/tiny/{tasks}t-64-full", mixing=mixing, settings={"gradient_accumulation_steps": accumulation})
    plan = plan_run(request, "cuda")
    assert plan.num_steps >= MIN_STEPS
    if plan.mixing == "joint":
        assert plan.steps_per_round == 1
        return
    turns = [index % tasks for index in range(plan.num_micro_batches)]
    assert min(turns.count(task) for task in range(tasks)) >= MIN_ROUNDS
    one_round = turns[: plan.steps_per_round * accumulation]
    assert len({one_round.count(task) for task in range(tasks)}) == 1


def test_a_gpu_runs_the_recipe_as_it_is(ask):
    request = ask("t4/tiny/2-3t-512-full", settings={"precision": "bf16", "per_device_train_batch_size": 48})
    plan = plan_run(request, "cuda")
    assert plan.settings == request.recipe.settings
    assert (plan.tasks, plan.max_length, plan.deviations) == (3, 512, ())
    assert plan.samples_per_step == 48


def test_a_joint_step_takes_the_batch_once_per_task(ask):
    request = ask("t4/tiny/3t-64-full", mixing="joint", settings={"gradient_accumulation_steps": 2})
    assert plan_run(request, "cuda").samples_per_step == 4 * 2 * 3
    assert plan_run(request, "cpu").samples_per_step == 2 * 2 * 3  # eight rows of all tasks at most


def test_a_causal_language_model_has_one_head(ask):
    plan = plan_run(ask("t4/tiny/2t-64-full", config=QWEN2, mixing="joint"), "cuda")
    assert plan.mixing == "interleaved"
    assert [deviation.setting for deviation in plan.deviations] == ["task_mixing"]


@pytest.mark.parametrize("mixing", ["interleaved", "joint", None])
def test_one_task_takes_every_turn(ask, mixing):
    plan = plan_run(ask(mixing=mixing), "cpu")
    assert (plan.mixing, plan.steps_per_round, plan.deviations) == ("interleaved", 1, ())


def test_the_number_of_steps_can_be_given(ask):
    assert plan_run(ask(num_steps=3), "cpu").num_steps == 3
    assert math.isclose(plan_run(ask(num_steps=3), "cpu").num_micro_batches, 3)
