"""Several GPUs: what one of them needs, which way is taken, and from how many cards on a training fits."""

from dataclasses import replace

import pytest

from checkout import ROOT
from recipe_kb.errors import BadInputError, FindingError
from recipe_kb.resolve.answer import answer_key, ask
from recipe_kb.resolve.estimate import estimated_parts
from recipe_kb.resolve.memory import memory_of
from recipe_kb.resolve.several import fits_from, ways
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.store import Store

KEYS = (
    RecipeKey(gpu="t4", model="biobert", tasks=(8, 8), max_length=512),
    RecipeKey(gpu="a100-80gb", model="qwen2.5-0.5b", tasks=(1, 1), max_length=512),
    RecipeKey(gpu="l4", model="llama-3.2-1b", tasks=(1, 1), max_length=512, method="lora"),
)


@pytest.fixture(scope="module")
def store():
    return Store(ROOT / "kb")


def memory(store, key, parallel="ddp"):
    """Of the settings that one GPU has, whatever the number."""
    recipe = answer_key(store, replace(key, num_gpus=1)).recipe
    gpu, model = store.gpu(key.gpu), store.model(key.model)
    return memory_of(store, key, recipe.settings, recipe.task_mixing, gpu, model, parallel)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_ddp_needs_more_than_one_gpu_and_fsdp_less_than_ddp(store, key):
    alone = memory(store, key)
    ddp = memory(store, replace(key, num_gpus=2))
    assert ddp.method == "traced"
    assert ddp.peak_reserved_bytes >= alone.peak_reserved_bytes
    assert ddp.parts.get("exchange", 0) > 0
    assert (alone.num_gpus, alone.parallel) == (1, None)
    assert (ddp.num_gpus, ddp.parallel) == (2, "ddp")
    weights = [memory(store, replace(key, num_gpus=count), "fsdp").parts["weights"] for count in (2, 4, 8)]
    assert alone.parts["weights"] > weights[0] > weights[1] > weights[2]


def test_the_number_of_ddp_gpus_changes_nothing(store):
    two, eight = (memory(store, replace(KEYS[0], num_gpus=count)) for count in (2, 8))
    assert two.peak_reserved_bytes == eight.peak_reserved_bytes


def test_what_ddp_cannot_hold_is_shared_out(store):
    answer = ask(store, gpu="a100-80gb", model="llama-3.1-8b", tasks=1, num_gpus=8)
    assert answer.parallel == "fsdp"
    assert answer.memory.fits
    assert answer.effective_batch_size == answer.recipe.effective_batch_size
    assert answer.to_json("en")["memory"]["parallel"] == "fsdp"
    with pytest.raises(FindingError):
        ask(store, gpu="a100-80gb", model="llama-3.1-8b", tasks=1, num_gpus=8, parallel="ddp")


def test_what_fits_is_not_shared_out(store):
    answer = ask(store, gpu="t4", model="biobert", tasks=8, num_gpus=2)
    assert answer.parallel == "ddp"
    assert ask(store, gpu="t4", model="biobert", tasks=8).parallel is None


def test_where_one_card_does_not_hold_it_the_number_that_does_is_said(store):
    key = RecipeKey(gpu="a100-80gb", model="llama-3.1-8b", tasks=(1, 1), max_length=512)
    gpu, model = store.gpu(key.gpu), store.model(key.model)
    count = fits_from(store, key, gpu, model)
    assert count == 2
    with pytest.raises(FindingError, match=f"On this card it fits from {count} cards with FSDP"):
        answer_key(store, key)
    assert answer_key(store, key, count).parallel == "fsdp"
    assert fits_from(store, replace(key, method="qlora"), gpu, model) is None


def test_four_bit_weights_are_not_shared_out(store):
    key = replace(KEYS[2], method="qlora", num_gpus=2)
    assert ways(key, "adamw_torch_fused", None) == ("ddp",)
    with pytest.raises(BadInputError, match="FSDP is not predicted with method qlora"):
        ways(key, "adamw_torch_fused", "fsdp")
    with pytest.raises(BadInputError, match="optimizer adafactor"):
        ways(KEYS[0], "adafactor", "fsdp")


def test_a_batch_that_does_not_divide_is_refused(store):
    with pytest.raises(BadInputError, match="cannot be split over 3 GPUs"):
        ask(store, gpu="a100-80gb", model="llama-3.1-8b", tasks=1, num_gpus=3)


def test_documented_figures_know_several_gpus(store):
    constants = store.rule("memory-estimate").constants
    model, settings = store.model("biobert"), answer_key(store, KEYS[0]).recipe.settings
    one = estimated_parts(KEYS[0], settings, None, model, constants)
    four = replace(KEYS[0], num_gpus=4)
    assert estimated_parts(four, settings, None, model, constants)["exchange"] == one["gradients"]
    shared = estimated_parts(four, settings, None, model, constants, "fsdp")
    assert shared["optimizer"] == -(-one["optimizer"] // 4)
    assert sum(shared.values()) < sum(one.values())
