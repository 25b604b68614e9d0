"""Figures of an evidence record: units, rates, what stays None."""

import math

import pytest

from recipe_kb.probe.measure import measured
from recipe_kb.probe.messages import Finished, Telemetry
from recipe_kb.probe.plan import plan_run
from recipe_kb.training.steps import Step


def steps(*times_s):
    return tuple(Step(loss=1.0, grad_norm=2.0, time_s=time_s, skipped=False) for time_s in times_s)


def figures(request, **finished):
    return measured(Finished(**finished), plan_run(request, "cuda"), request, wall_s=9.0)


def test_the_first_steps_are_no_measure_of_speed(ask):
    result = figures(ask(), steps=steps(9, 9, 9, 0.5, 0.5, 0.5))
    assert result.step_time_s_median == 0.5
    assert result.samples_per_s == 4 / 0.5
    assert result.tokens_per_s == 64 * 4 / 0.5
    assert figures(ask(), steps=steps(9, 9)).step_time_s_median is None


def test_mfu_needs_a_peak_and_full_fine_tuning(ask):
    run = {"steps": steps(1, 1, 1, 1), "num_body_parameters": 10**9}
    assert figures(ask(peak_tflops=100.0), **run).mfu == pytest.approx(6 * 1e9 * 256 / 100e12)
    assert figures(ask(), **run).mfu is None
    assert figures(ask("t4/tiny/1t-64-lora", peak_tflops=100.0), **run).mfu is None


def test_what_is_not_finite_is_none(ask):
    broken = tuple(Step(loss=math.nan, grad_norm=math.inf, time_s=1, skipped=True) for _ in range(8))
    result = figures(ask(), steps=broken)
    assert (result.loss_first, result.loss_last, result.grad_norm_max) == (None, None, None)
    assert result.num_skipped_steps == 8


def test_counters_are_passed_on(ask):
    telemetry = Telemetry(peak_allocated_bytes=1, peak_reserved_bytes=2, device_used_bytes=3, num_alloc_retries=0)
    result = figures(ask(), steps=steps(1), telemetry=telemetry)
    assert (result.peak_allocated_bytes, result.peak_reserved_bytes, result.device_used_bytes) == (1, 2, 3)
    assert result.num_alloc_retries == 0
    assert result.wall_s == 9.0
