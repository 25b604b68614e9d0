"""What evidence is about: a hash of what a recipe trains."""

import hashlib
import json

from recipe_kb.schema.recipe import Recipe


def recipe_hash(recipe: Recipe) -> str:
    """Return the SHA-256 of what is trained, as canonical JSON: a change of it makes evidence out of date.

    Words, provenance and the status are left out: evidence itself changes the status.
    """
    trained = {"settings": recipe.settings.values(), "task_mixing": recipe.task_mixing}
    canonical = json.dumps(trained, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
