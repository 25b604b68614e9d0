"""The file of a tuned recipe: it reads back as it was, in the manner of its neighbours, and is written at once."""

from pathlib import Path

import pytest

from recipe_kb.errors import CannotHereError
from recipe_kb.resolve.answer import ask
from recipe_kb.schema.recipe import Recipe
from recipe_kb.store.yaml_file import read_record
from recipe_kb.tune.recipe_file import recipe_text, tuned_recipe, write_recipe
from recipe_kb.tune.start import Start

EVIDENCE = "evidence/t4/biobert/1t-512-full-speed/2026-11-25-t4-native.json"


@pytest.fixture
def tuned(store):
    def make(gpu="t4", model="biobert", tasks=1, precision=None, method="full"):
        answer = ask(store, gpu=gpu, model=model, tasks=tasks, goal="speed", method=method)
        start = Start(store=store, answer=answer, effective=32, grows=True, precision=precision)
        recipe = tuned_recipe(start, start.predicted, EVIDENCE)
        return recipe, recipe_text(answer.key, recipe, answer.gpu)

    return make


@pytest.mark.parametrize(
    "cell",
    [
        ("t4", "biobert", 1),
        ("t4", "biobert", 3),
        ("a100-40gb", "llama-3.2-3b", 1, None, "lora"),
        ("rtx-3090", "phobert-base", 2, "fp16"),
    ],
)
def test_it_reads_back_as_it_was(tuned, tmp_path, cell):
    recipe, text = tuned(*cell)
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    assert read_record(path, Recipe, "recipe.yaml") == recipe


def test_what_was_measured_refers_to_its_evidence(tuned):
    recipe, text = tuned(precision="fp32")
    referring = [name for name, source in recipe.provenance.items() if source.evidence == EVIDENCE]
    assert referring == ["per_device_train_batch_size", "gradient_accumulation_steps", "precision"]
    assert (recipe.origin, recipe.status) == ("tuned", "measured")
    assert f"  per_device_train_batch_size: {{evidence: {EVIDENCE}}}\n" in text


def test_it_looks_like_its_neighbours(tuned, store):
    _, text = tuned()
    neighbour = (store.root / "recipes/t4/biobert/1t-512-full.yaml").read_text(encoding="utf-8")
    shared = set(text.splitlines()) & set(neighbour.splitlines())
    assert len(shared) > 0.6 * len(neighbour.splitlines())
    assert "  adam_epsilon: 1.0e-8" in shared
    assert "    - {set: {gradient_checkpointing: true}, why: gradient-checkpointing}" in shared


def test_a_file_is_replaced_at_once_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "deep" / "recipe.yaml"
    for text in ("first: 1\n", "second: 2\n"):
        write_recipe(text, path)
        assert path.read_text() == text
    assert [entry.name for entry in path.parent.iterdir()] == ["recipe.yaml"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "recipe.yaml"
    path.write_text("old\n")

    def full(_self, _target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CannotHereError, match="KB310 The recipe could not be written: No space left on device"):
        write_recipe("new\n", path)
    assert path.read_text() == "old\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["recipe.yaml"]
