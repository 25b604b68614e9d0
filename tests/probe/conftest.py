"""What probe tests share: a request for a tiny network, and temporary files where they can be counted."""

import tempfile

import pytest

from recipe_kb.probe.request import ProbeRequest
from recipe_kb.schema.recipe import RecipeKey
from tiny import BERT, model_of, recipe_with


@pytest.fixture
def ask():
    """Return a function that makes requests; keywords are settings of the recipe."""

    def make(recipe_id="t4/tiny/1t-64-full", *, config=BERT, mixing="interleaved", settings=None, **request):
        return ProbeRequest(
            recipe_id=recipe_id,
            key=RecipeKey.parse(recipe_id),
            recipe=recipe_with(mixing, **{"learning_rate": 1e-3} | (settings or {})),
            model=model_of(config),
            **{"device": "cpu", "timeout_s": 300} | request,
        )

    return make


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Return the folder where temporary files of this test go."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder
