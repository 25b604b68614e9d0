"""The estimate from documented figures: it moves the right way, and it says how far off it is on measured runs."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recipe_kb.resolve.estimate import adapter_parameters, estimated_parts
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.units import MIB

KEY = RecipeKey(gpu="t4", model="biobert", tasks=(8, 8), max_length=512)


@pytest.fixture(scope="module")
def cell(store):
    return store.recipe(KEY).settings, store.model("biobert"), store.rule("memory-estimate").constants


def peak(cell, mixing="interleaved", key=KEY, **changes):
    start, model, constants = cell
    return sum(estimated_parts(key, replace(start, **changes), mixing, model, constants).values())


def test_each_saving_saves(cell):
    full = peak(cell)
    assert peak(cell, per_device_train_batch_size=16) < full
    assert peak(cell, gradient_checkpointing=True) < full
    assert peak(cell, optim="adamw_bnb_8bit") < full
    assert peak(cell, key=replace(KEY, max_length=256)) < full
    assert peak(cell, attn_implementation="eager") > full
    assert peak(cell, precision="fp32") > full


def test_interleaved_tasks_cost_only_their_heads_and_joint_ones_their_activations(cell):
    one = peak(cell, mixing=None, key=replace(KEY, tasks=(1, 1)))
    interleaved, joint = peak(cell), peak(cell, mixing="joint")
    assert interleaved - one < 2 * MIB
    assert joint > 5 * one


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.integers(1, 256), length=st.integers(8, 512))
def test_memory_never_falls_with_more_rows_or_tokens(cell, batch, length):
    key = replace(KEY, max_length=length)
    assert peak(cell, key=key, per_device_train_batch_size=batch + 1) > peak(
        cell, key=key, per_device_train_batch_size=batch
    )
    longer = replace(KEY, max_length=length + 8)
    assert peak(cell, key=longer, per_device_train_batch_size=batch) > peak(
        cell, key=key, per_device_train_batch_size=batch
    )


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # peft 0.21 asks transformers 5.23
def test_adapters_are_counted_as_peft_counts_them(store):
    """Rank 16 on every linear layer of a real GPT-like block, against peft itself."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    model = store.model("qwen2.5-0.5b")
    config = AutoConfig.for_model(**model.config)
    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config)
        adapted = get_peft_model(network, LoraConfig(r=16, target_modules="all-linear"))
    counted = sum(weight.numel() for name, weight in adapted.named_parameters() if "lora_" in name)
    assert adapter_parameters(model, 16) == counted


# bert-large-uncased, sequence classification, rows of exactly 512 tokens, eager attention, V100 16 GB, nvidia-smi with
# a context of 1343 MiB: huggingface/transformers, docs/source/performance.mdx, January 2022.
MEASURED = [
    ({"per_device_train_batch_size": 4, "precision": "fp32"}, 14949),
    ({"per_device_train_batch_size": 1, "precision": "fp32"}, 8681),
    ({"per_device_train_batch_size": 1, "precision": "fp32", "gradient_checkpointing": True}, 6775),
    ({"per_device_train_batch_size": 4, "precision": "fp16"}, 13939),
]


@pytest.mark.parametrize(("changes", "measured_mib"), MEASURED)
def test_the_stated_error_holds_on_published_runs(store, cell, changes, measured_mib):
    bert = store.model("bert-base-uncased")
    shape = replace(bert.shape, hidden_size=1024, num_layers=24, num_heads=16, intermediate_size=4096)
    large = replace(bert, shape=shape, parameters=replace(bert.parameters, base=335_141_888))
    key = RecipeKey(gpu="v100-16gb", model="bert-large", tasks=(1, 1), max_length=512)
    start, _, constants = cell
    eager = replace(start, attn_implementation="eager", **changes)
    predicted = sum(estimated_parts(key, eager, None, large, constants).values()) / MIB
    assert predicted == pytest.approx(measured_mib - 1343, rel=constants["error"])
