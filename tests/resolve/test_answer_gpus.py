"""Recipes of several GPUs: shared from that of one, or with a file of their own."""

import shutil

import pytest

from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.errors import BadInputError
from recipe_kb.resolve.answer import ask
from recipe_kb.store.store import Store

OWN = "recipes/t4/biobert/8t-512-full-2x.yaml"


@pytest.fixture
def copy(store, tmp_path):
    """A knowledge base of our own, to which a recipe of two GPUs can be added."""
    root = tmp_path / "kb"
    shutil.copytree(store.root, root, ignore=shutil.ignore_patterns("evidence", "claims"))
    return Store(root)


def test_the_id_says_how_many(store):
    answer = ask(store, gpu="t4", model="biobert", tasks=8, num_gpus=2)
    assert answer.recipe_id == "t4/biobert/8t-512-full-2x"
    assert answer.recipe.effective_batch_size == answer.effective_batch_size == 32
    assert (answer.recipe.origin, answer.recipe.status) == ("derived", "predicted")
    settings = answer.recipe.settings
    assert settings.per_device_train_batch_size * settings.gradient_accumulation_steps * 2 == 32


def test_the_id_and_the_option_ask_the_same(store):
    by_id = answer_id(store, "t4/biobert/2-3t-512-full-2x")
    assert by_id.recipe == answer_id(store, "t4/biobert/2-3t-512-full", num_gpus=2).recipe
    assert by_id.recipe_id == "t4/biobert/2-3t-512-full-2x"
    assert answer_id(store, "t4/biobert/8t-512-full-2x", num_gpus=2).num_gpus == 2


def test_an_id_of_another_count_than_the_option(store):
    with pytest.raises(BadInputError, match="is a recipe for 2 GPUs; --num-gpus asks for 4"):
        answer_id(store, "t4/biobert/8t-512-full-2x", num_gpus=4)


def own_recipe(copy, effective):
    text = (copy.root / "recipes/t4/biobert/8t-512-full.yaml").read_text(encoding="utf-8")
    assert "effective_batch_size: 32" in text
    changed = text.replace("effective_batch_size: 32", f"effective_batch_size: {effective}")
    (copy.root / OWN).write_text(changed, encoding="utf-8")


def test_a_recipe_of_two_gpus_wins_over_a_share(copy):
    own_recipe(copy, 64)
    answer = ask(copy, gpu="t4", model="biobert", tasks=8, num_gpus=2)
    assert answer.recipe.origin == "guide"
    assert answer.recipe.settings.per_device_train_batch_size == 32
    assert answer.effective_batch_size == 64
    assert ask(copy, gpu="t4", model="biobert", tasks=8).effective_batch_size == 32
    assert copy.recipe_keys("t4", "biobert")[-1].num_gpus in {1, 2}
    assert sum(key.num_gpus == 2 for key in copy.recipe_keys()) == 1


@pytest.mark.parametrize("effective", [32, 96])
def test_its_effective_batch_counts_both_gpus(copy, effective):
    own_recipe(copy, effective)
    with pytest.raises(BadInputError, match=f"effective_batch_size is {effective}; 32 x 1 x 2 = 64") as caught:
        ask(copy, gpu="t4", model="biobert", tasks=8, num_gpus=2)
    assert caught.value.problems[0].code == "KB101"
