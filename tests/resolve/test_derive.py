"""A derived batch is the largest that fits, worked out on a step whose memory a person can add up."""

from dataclasses import replace

import pytest
from simple_steps import knowledge_base, packed, packed_state, record

from recipe_kb.errors import FindingError
from recipe_kb.resolve.answer import ask
from recipe_kb.resolve.derive import derive, is_derivable
from recipe_kb.resolve.memory import memory_fits
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.units import GIB, MIB

KEY = RecipeKey(gpu="t4", model="roberta-base", tasks=(1, 1), max_length=512)
PLAIN, CHECKPOINTING = "full/bf16/sdpa/plain", "full/bf16/sdpa/checkpointing"


USUAL = (False, "adamw_torch_fused")
USABLE = 14_762 * MIB / 1.05
"""What a T4 leaves for the peak: its limit less the margin."""
LIGHT = {"weights": MIB // 2, "state": MIB}
"""So small that no gradient is carved out of what activations leave."""


def kb_with(tmp_path, plain, checkpointing=None, small_state=None, **changes):
    """Give roberta-base steps with these bytes of activations per row of 512 tokens."""
    steps = {PLAIN: packed(token_bytes=plain // 512, **changes)}
    if checkpointing:
        steps[CHECKPOINTING] = packed(token_bytes=checkpointing // 512, **changes)
    updates = {"full/adamw_bnb_8bit": packed_state(small_state)} if small_state else {}
    return knowledge_base(tmp_path, **{"roberta-base": record(steps, updates)})


def derived(store, key=KEY):
    gpu = None if key.gpu.startswith("vram") else store.gpu(key.gpu)
    return derive(store, key, gpu, store.model(key.model), None)


def batch_of(store, key=KEY):
    settings = derived(store, key).recipe.settings
    return settings.per_device_train_batch_size, settings.gradient_checkpointing, settings.optim


@pytest.mark.parametrize("gpu", ["t4", "rtx-3070", "l4", "vram-12gb"])
@pytest.mark.parametrize("model", ["biobert", "bert-base-uncased"])
@pytest.mark.parametrize("length", [128, 512])
def test_the_batch_is_the_largest_that_fits(store, gpu, model, length):
    key = RecipeKey(gpu=gpu, model=model, tasks=(1, 1), max_length=length)
    card = None if gpu.startswith("vram") else store.gpu(gpu)
    recipe = derived(store, key).recipe
    settings = recipe.settings

    def fits(batch):
        changed = replace(settings, per_device_train_batch_size=batch)
        return memory_fits(store, key, changed, None, card, store.model(model))

    assert fits(settings.per_device_train_batch_size)
    larger = range(settings.per_device_train_batch_size + 1, recipe.effective_batch_size + 1)
    assert not any(fits(batch) for batch in larger if recipe.effective_batch_size % batch == 0)


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 12, 16, 31, 32])
def test_every_size_of_card_gets_the_largest_divisor(tmp_path, rows):
    """Activations so large that a T4 has room for this many rows and a half."""
    row = int((USABLE - 100 * MIB) / (rows + 0.5))
    store = kb_with(tmp_path, row, row, **LIGHT)
    effective = derived(store).recipe.effective_batch_size
    assert effective == 32
    assert batch_of(store) == (max(count for count in range(1, rows + 1) if effective % count == 0), *USUAL)


def test_recomputing_is_taken_only_for_a_batch_that_was_too_small(tmp_path):
    assert batch_of(kb_with(tmp_path, 5 * GIB, GIB, **LIGHT)) == (8, True, "adamw_torch_fused")
    assert batch_of(kb_with(tmp_path, 3 * GIB, GIB, **LIGHT)) == (4, *USUAL)
    assert batch_of(kb_with(tmp_path, 5 * GIB, 4 * GIB, **LIGHT)) == (2, *USUAL)


def test_an_8_bit_optimizer_is_the_last_resort(tmp_path):
    heavy = {"weights": GIB, "state": 13 * GIB}
    store = kb_with(tmp_path, GIB, GIB, small_state=GIB, **heavy)
    assert batch_of(store) == (8, True, "adamw_bnb_8bit")
    assert derived(store).recipe.provenance["optim"].rule == "memory-estimate"


def test_nothing_fits_says_how_much_is_needed_and_what_stays_free(tmp_path):
    store = kb_with(tmp_path, 20 * GIB, 16 * GIB, small_state=GIB, weights=GIB, state=2 * GIB)
    assert derived(store).recipe is None
    assert len(derived(store).attempts) == 3
    # One row with 8-bit states: activations, weights, states, and gradients twice while they are added up.
    with pytest.raises(FindingError, match=r"needs about 20\.00 GiB .* 13\.73 GiB may be used, 5% kept free") as caught:
        ask(store, gpu="t4", model="roberta-base", tasks=1)
    assert "It fits with --method lora" in str(caught.value)


@pytest.mark.parametrize("row", [GIB, 13 * GIB, 14 * GIB])
@pytest.mark.parametrize("saving", [1, 2])
def test_whether_anything_fits_is_known_without_the_search(tmp_path, row, saving):
    store = kb_with(tmp_path, row, row // saving, small_state=MIB, **LIGHT)
    gpu, model = store.gpu("t4"), store.model("roberta-base")
    found = derived(store).recipe
    assert is_derivable(store, KEY, gpu, model, None) == (found is not None) == (row // saving < USABLE - 100 * MIB)


def test_without_traces_the_documented_figures_choose(tmp_path):
    answer = ask(knowledge_base(tmp_path), gpu="t4", model="roberta-base", tasks=1)
    assert answer.memory.method == "documented-figures"
    assert answer.memory.fits
    assert answer.recipe.origin == "derived"
