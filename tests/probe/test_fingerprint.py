"""Under what a result was obtained."""

import json
from dataclasses import replace

from recipe_kb import __version__
from recipe_kb.probe.fingerprint import PACKAGES, fingerprint, recipe_hash


def test_the_hash_follows_the_content(ask):
    recipe = ask().recipe
    assert recipe_hash(recipe) == recipe_hash(replace(recipe))
    assert recipe_hash(recipe) != recipe_hash(replace(recipe, status="reported"))


def test_versions_and_machine_are_named(ask):
    found = fingerprint(ask())
    assert found["recipe_kb"] == __version__
    assert found["torch"].startswith("2.")
    assert set(PACKAGES) <= set(found)
    assert found["cpu"]
    assert found["num_cores"] > 0
    json.dumps(found)
