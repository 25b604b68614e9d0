"""A recipe shrunk to a CPU: nothing too large is left, and nothing changes without a deviation."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.probe.cpu import MAX_ACCUMULATION, MAX_BATCH_SIZE, MAX_JOINT_ROWS, MAX_LENGTH, OPTIMIZERS, fit_to_cpu
from tiny import SETTINGS

gpu_settings = st.builds(
    replace,
    st.just(SETTINGS),
    per_device_train_batch_size=st.integers(1, 512),
    per_device_eval_batch_size=st.integers(1, 512),
    gradient_accumulation_steps=st.integers(1, 64),
    optim=st.sampled_from(["adamw_torch", "adamw_torch_fused", "adamw_bnb_8bit", "paged_adamw_8bit", "adafactor"]),
    precision=st.sampled_from(["fp32", "fp16", "bf16"]),
    tf32=st.booleans(),
    attn_implementation=st.sampled_from(["sdpa", "eager", "flash_attention_2", "kernels-community/flash-attn3"]),
    dataloader_num_workers=st.integers(0, 8),
    dataloader_prefetch_factor=st.none() | st.integers(1, 4),
    dataloader_pin_memory=st.booleans(),
    dataloader_persistent_workers=st.booleans(),
)


@given(gpu_settings, st.integers(1, 8192), st.integers(1, 64))
def test_every_change_is_a_deviation_and_no_other(settings, max_length, joint_tasks):
    fitted, length, deviations = fit_to_cpu(settings, max_length, joint_tasks=joint_tasks)
    before, after = settings.values() | {"max_length": max_length}, fitted.values() | {"max_length": length}
    assert {d.setting: (d.recipe, d.probe) for d in deviations} == {
        name: (before[name], after[name]) for name in before if before[name] != after[name]
    }
    assert all(deviation.why for deviation in deviations)
    assert len({deviation.setting for deviation in deviations}) == len(deviations)


@given(gpu_settings, st.integers(1, 8192), st.integers(1, 64))
def test_what_is_left_runs_on_a_cpu(settings, max_length, joint_tasks):
    fitted, length, _ = fit_to_cpu(settings, max_length, joint_tasks=joint_tasks)
    assert 1 <= fitted.per_device_train_batch_size <= MAX_BATCH_SIZE
    assert fitted.per_device_train_batch_size * joint_tasks <= max(MAX_JOINT_ROWS, joint_tasks)
    assert (fitted.gradient_accumulation_steps > 1) == (settings.gradient_accumulation_steps > 1)
    assert fitted.gradient_accumulation_steps <= MAX_ACCUMULATION
    assert length <= MAX_LENGTH
    assert (fitted.precision, fitted.tf32, fitted.dataloader_num_workers) == ("fp32", False, 0)
    assert fitted.optim in OPTIMIZERS
    assert fitted.attn_implementation in {"sdpa", "eager"}


@given(gpu_settings, st.integers(1, 8192))
def test_fitting_twice_changes_nothing_more(settings, max_length):
    fitted, length, _ = fit_to_cpu(settings, max_length)
    assert fit_to_cpu(fitted, length) == (fitted, length, ())
