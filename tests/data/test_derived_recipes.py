"""A file that says it was derived says what the rules derive today; only what it says of a guide is its own."""

from dataclasses import replace

import pytest

from checkout import ROOT
from recipe_kb.resolve.derive import derive
from recipe_kb.store.store import Store

STORE = Store(ROOT / "kb")
DERIVED = [key for key in STORE.recipe_keys() if STORE.recipe(key).origin == "derived"]
BY_RULES = ("settings", "effective_batch_size", "task_mixing", "provenance", "ladder", "status")


def test_there_are_derived_recipes_of_cards_and_of_bare_sizes():
    assert {"rtx-3070", "vram-16gb"} <= {key.gpu for key in DERIVED}


@pytest.mark.parametrize("key", DERIVED, ids=str)
def test_a_derived_recipe_is_what_the_rules_derive(key):
    recipe = STORE.recipe(key)
    gpu = None if key.gpu.startswith("vram") else STORE.gpu(key.gpu)
    one_count = replace(key, tasks=(key.tasks[1], key.tasks[1]))
    found = derive(STORE, one_count, gpu, STORE.model(key.model), recipe.task_mixing).recipe
    for name in BY_RULES:
        assert getattr(recipe, name) == getattr(found, name), name


@pytest.mark.parametrize("key", STORE.recipe_keys(), ids=str)
def test_a_correction_is_about_a_value_that_was_not_taken_over(key):
    recipe = STORE.recipe(key)
    for correction in recipe.corrections:
        assert recipe.settings.given().get(correction.setting) != correction.guide_value, correction.setting
