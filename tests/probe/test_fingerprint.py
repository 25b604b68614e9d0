"""Under what a result was obtained."""

import json
from dataclasses import replace

from recipe_kb import __version__
from recipe_kb.probe.fingerprint import PACKAGES, fingerprint
from recipe_kb.resolve.recipe_hash import recipe_hash


def test_the_hash_follows_what_is_trained_and_not_what_is_known(ask):
    recipe = ask().recipe
    faster = replace(recipe.settings, learning_rate=2 * recipe.settings.learning_rate)
    assert recipe_hash(recipe) == recipe_hash(replace(recipe, status="reported"))
    assert recipe_hash(recipe) != recipe_hash(replace(recipe, settings=faster))


def test_versions_and_machine_are_named(ask):
    found = fingerprint(ask())
    assert found["recipe_kb"] == __version__
    assert found["torch"].startswith("2.")
    assert set(PACKAGES) <= set(found)
    assert found["cpu"]
    assert found["num_cores"] > 0
    json.dumps(found)
