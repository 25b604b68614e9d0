import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.resolve import rules

counts = st.integers(1, 4096)
rates = st.floats(min_value=1e-7, max_value=1e-2)


@given(counts, counts, st.integers(1, 64))
def test_keeping_the_effective_batch_keeps_it(effective, per_device, num_gpus):
    steps = rules.keep_effective_batch(effective, per_device, num_gpus)
    if steps is None:
        assert effective % (per_device * num_gpus) or effective < per_device * num_gpus
    else:
        assert rules.effective_batch_size(per_device, steps, num_gpus) == effective


@given(rates, counts, counts)
def test_square_root_is_between_nothing_and_linear(rate, before, after):
    scaled, linear = rules.sqrt_adam(rate, before, after), rules.linear_sgd(rate, before, after)
    low, high = sorted((rate, linear))
    assert low * (1 - 1e-9) <= scaled <= high * (1 + 1e-9)
    assert math.isclose(rules.sqrt_adam(scaled, after, before), rate, rel_tol=1e-9)


def test_the_guides_own_example():
    assert round(rules.sqrt_adam(2e-5, 16, 32), 7) == 2.83e-5
    assert rules.linear_sgd(2e-5, 16, 32) == 4e-5


@pytest.mark.parametrize(("steps", "effective", "samples"), [(1000, 16, 20_000), (1000, 32, 40_000), (1, 1, 2)])
def test_samples_leave_a_quarter_of_room(steps, effective, samples):
    assert rules.num_samples(steps, effective, 1.25) == samples


@given(st.integers(1, 10**6), st.floats(0, 0.99))
def test_warm_up_never_takes_more_than_the_run(steps, ratio):
    assert 0 <= rules.warmup_steps(steps, ratio) <= steps


def test_warm_up_rounds_as_transformers_does():
    from transformers import TrainingArguments

    for steps, ratio in ((7, 0.1), (100, 0.06), (999, 0.03)):
        arguments = TrainingArguments(output_dir="unused", warmup_steps=ratio, use_cpu=True)
        assert rules.warmup_steps(steps, ratio) == arguments.get_warmup_steps(steps)


def test_only_joint_mixing_multiplies_rows():
    assert rules.rows_per_micro_batch(32, 8, "interleaved") == 32
    assert rules.rows_per_micro_batch(32, 1, None) == 32
    assert rules.rows_per_micro_batch(32, 8, "joint") == 256


def test_precision_is_what_the_card_has(store):
    assert rules.precision(store.gpu("t4")) == "fp16"
    assert rules.precision(store.gpu("rtx-3070")) == "bf16"
    assert rules.precision(store.gpu("p100-16gb")) == "fp32"
    assert rules.precision(None) == "fp16"
