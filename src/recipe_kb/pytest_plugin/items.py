"""Recipes that are tests themselves: what `pytest --kb-recipes 't4/*'` runs where no test uses the fixture."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from recipe_kb.pytest_plugin.choice import recipe_ids
from recipe_kb.pytest_plugin.recipe import recipe_of


def items_of(session: pytest.Session, globs: Sequence[str]) -> "list[pytest.Item]":
    """Return one test per recipe."""
    collector = KbRecipes.from_parent(session, name="kb-recipes", nodeid="kb-recipes")
    found = recipe_ids(session.config, globs)
    assert not isinstance(found, str)  # noqa: S101 - a glob that matches nothing was refused at the start
    return [KbItem.from_parent(collector, name=recipe_id) for recipe_id in found]


class KbRecipes(pytest.Collector):
    """Holds the recipes together in the tree that `--collect-only` shows."""

    def collect(self) -> list[pytest.Item]:
        """Return nothing: `items_of` has made the items already, because no path of a file leads to them."""
        return []


class KbItem(pytest.Item):
    """One recipe, trained here; it fails with what `kb validate` would print."""

    def runtest(self) -> None:
        """Train the recipe, and keep its figures for the report."""
        recipe = recipe_of(self.config, self.name)
        try:
            recipe.assert_passed()
        finally:
            self.user_properties += recipe.figures()

    def reportinfo(self) -> tuple[Path, int, str]:
        """Say where it comes from."""
        return self.session.path, 0, self.name
