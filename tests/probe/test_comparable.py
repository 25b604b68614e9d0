"""What keeps figures from being compared, and what that takes from a verdict."""

import pytest

from recipe_kb.probe.comparable import SLOWING, why_not_comparable
from recipe_kb.probe.measure import measured
from recipe_kb.probe.messages import Finished
from recipe_kb.probe.nvml_reading import THROTTLE_NAMES
from recipe_kb.probe.plan import plan_run
from recipe_kb.probe.verdict import aspects
from recipe_kb.schema.evidence import GpuLoad
from recipe_kb.training.steps import Step


def load(**values):
    return GpuLoad(**{"num_samples": 10, "interval_s": 0.05} | values)


def figures(request, times_s):
    steps = tuple(Step(loss=1.0, grad_norm=1.0, time_s=time_s, skipped=False) for time_s in times_s)
    return measured(Finished(steps=steps), plan_run(request, "cuda"), request, wall_s=1.0)


def test_a_quiet_gpu_is_comparable():
    assert why_not_comparable([], None) == ()
    assert (
        why_not_comparable([load(num_other_processes=0, throttle_reasons=("sw_power_cap", "sync_boost"))], None) == ()
    )


def test_other_processes_are_counted():
    assert why_not_comparable([load(num_other_processes=2)], None) == ("other processes used the GPU: 2",)


def test_the_others_on_all_gpus_are_counted():
    loads = [load(num_other_processes=2), load(throttle_reasons=("hw_thermal",)), load(num_other_processes=1)]
    assert why_not_comparable(loads, None) == (
        "other processes used the GPU: 3",
        "the GPU slowed itself down: hw_thermal",
    )


def test_heat_and_power_supply_are_named():
    reasons = why_not_comparable([load(throttle_reasons=("hw_thermal", "hw_slowdown", "sw_power_cap"))], None)
    assert reasons == ("the GPU slowed itself down: hw_slowdown, hw_thermal",)


def test_only_known_names_slow_a_gpu():
    assert set(THROTTLE_NAMES.values()) > SLOWING


def test_a_run_that_did_not_settle_says_so(ask):
    restless = figures(ask(), [1.0, 2.0] * 20)
    assert restless.stable is False
    assert why_not_comparable([], restless) == ("step times had not settled after 40 steps",)
    assert figures(ask(), [1.0] * 40).stable is True
    assert why_not_comparable([], figures(ask(), [1.0] * 40)) == ()


def test_a_run_of_a_given_length_was_not_asked(ask):
    request = ask(num_steps=40)
    assert figures(request, [1.0, 2.0] * 20).stable is None
    assert why_not_comparable([], figures(request, [1.0, 2.0] * 20)) == ()


@pytest.mark.parametrize("comparable", [True, False])
def test_memory_stands_beside_another_process_and_speed_does_not(ask, comparable):
    plan = plan_run(ask(), "cuda")
    confirmed, _ = aspects("passed", plan, own_gpu=True, loss_compared=True, timed=True, comparable=comparable)
    assert {"memory", "precision"} <= set(confirmed)
    assert ("speed" in confirmed) == comparable
