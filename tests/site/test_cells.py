"""Cells that were worked out beforehand are what the command answers now."""

import json
import random
from dataclasses import replace

import pytest

from checkout import ROOT
from recipe_kb.errors import BadInputError, FindingError
from recipe_kb.resolve.answer import answer_key
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.site.cell_inputs import RULES, gpu_hash, model_hash
from recipe_kb.site.cells import METHODS, cells_path, cells_problems, lengths_of, read_cells
from recipe_kb.site.make_cells import cell_of, make_cells
from recipe_kb.site.place import Place, place_of
from recipe_kb.store.store import Store
from recipe_kb.units import MIB

PLACE = place_of(Store(ROOT / "kb"), ROOT)
KEPT = [model_id for model_id in PLACE.store.model_ids() if read_cells(PLACE, model_id)]
SAMPLED = 24


def test_every_model_has_cells_that_are_up_to_date():
    assert not list(cells_problems(PLACE))


def sampled():
    chosen = random.Random(7)  # noqa: S311 - a sample
    for _number in range(SAMPLED):
        model = chosen.choice(KEPT)
        length = chosen.choice(lengths_of(PLACE.store.model(model)))
        method, gpu = chosen.choice(METHODS), chosen.choice(PLACE.store.gpu_ids())
        yield RecipeKey(gpu=gpu, model=model, tasks=(1, 1), max_length=length, method=method)


@pytest.mark.parametrize("key", list(sampled()), ids=str)
def test_a_kept_cell_is_what_is_derived_now(key):
    cell = read_cells(PLACE, key.model).cells[key.method, key.max_length, key.gpu]
    assert cell == cell_of(PLACE.store, key)
    if PLACE.store.recipe_for_tasks(key) is not None:
        return
    try:
        answer = answer_key(PLACE.store, key)
    except FindingError:
        assert cell is None
        return
    assert cell.batch == answer.recipe.settings.per_device_train_batch_size
    assert cell.learning_rate == answer.recipe.settings.learning_rate
    assert cell.peak_mib == -(-answer.memory.peak_reserved_bytes // MIB)


@pytest.fixture
def small(tmp_path, tiny, other_kb):
    """One small model on three cards."""
    for path in (other_kb / "gpus").glob("*.yaml"):
        if path.stem not in {"t4", "l4", "rtx-3070"}:
            path.unlink()
    return Place(store=Store(other_kb), root=tiny.root, build=tiny.build)


def test_only_what_changed_is_worked_out_again(small):
    model = "all-minilm-l6-v2"
    assert dict(make_cells(small, [model])) == {model: 3 * 3 * len(lengths_of(small.store.model(model)))}
    assert dict(make_cells(small, [model])) == {model: 0}
    path = small.store.root / "gpus" / "t4.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("sm_count: 40", "sm_count: 41"), encoding="utf-8")
    again = replace(small, store=Store(small.store.root))
    where = {problem.where for problem in cells_problems(again)}
    assert f"docs/data/cells/{model}.json" in where
    assert dict(make_cells(again, [model])) == {model: 3 * len(lengths_of(again.store.model(model)))}
    assert f"docs/data/cells/{model}.json" not in {problem.where for problem in cells_problems(again)}


def test_after_a_change_of_the_code_every_cell_is_worked_out_again(small):
    model = "all-minilm-l6-v2"
    every = 3 * 3 * len(lengths_of(small.store.model(model)))
    assert dict(make_cells(small, [model])) == {model: every}
    assert dict(make_cells(small, [model], again=True)) == {model: every}


def changed(root, relative, old, new):
    """Change a file of a knowledge base; the new store reads it."""
    path = root / relative
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return Store(root)


@pytest.mark.parametrize(
    ("relative", "old", "new"),
    [
        ("rules/warm-up.yaml", "en: >-", "en: >-\n    Better words."),
        ("rules/num-samples.yaml", "headroom: 1.25", "headroom: 1.5"),
        ("rules/data-loader.yaml", "num_workers: 2", "num_workers: 3"),
        ("models/biobert.yaml", "aliases: [", "aliases: [another-name, "),
        ("gpus/t4.yaml", "aliases: [", "aliases: [another name, "),
        ("gpus/t4.yaml", "bandwidth_gb_s: 320", "bandwidth_gb_s: 321"),
        ("cuda.yaml", "note:\n", "note:\n  # a remark\n"),
        ("remedies.yaml", "en: ", "en: better "),
        ("models/gpt2.yaml", "max_length: 1024", "max_length: 1000"),
    ],
)
def test_words_and_other_records_make_nothing_stale(other_kb, relative, old, new):
    before = model_hash(Store(other_kb), "biobert"), gpu_hash(Store(other_kb), "t4")
    store = changed(other_kb, relative, old, new)
    assert (model_hash(store, "biobert"), gpu_hash(store, "t4")) == before


@pytest.mark.parametrize(
    ("relative", "old", "new", "stale"),
    [
        ("rules/warm-up.yaml", "encoder_ratio: 0.1", "encoder_ratio: 0.2", (True, False)),
        ("models/biobert.yaml", "learning_rate: 3.0e-5", "learning_rate: 4.0e-5", (True, False)),
        ("memory/biobert.json", '"steps"', '"other"', (True, False)),
        ("gpus/t4.yaml", "torch_total_mib: [14909", "torch_total_mib: [14908", (False, True)),
        ("cuda.yaml", "t4: {mib: [90, 147]", "t4: {mib: [90, 148]", (False, True)),
    ],
)
def test_a_figure_that_decides_makes_cells_stale(other_kb, relative, old, new, stale):
    model, gpu = model_hash(Store(other_kb), "biobert"), gpu_hash(Store(other_kb), "t4")
    store = changed(other_kb, relative, old, new)
    assert (model_hash(store, "biobert") != model, gpu_hash(store, "t4") != gpu) == stale


def test_the_hash_covers_every_rule_that_is_read(monkeypatch):
    read = set()
    rule = Store.rule
    monkeypatch.setattr(Store, "rule", lambda self, rule_id: read.add(rule_id) or rule(self, rule_id))
    store = Store(ROOT / "kb")
    for key in (
        RecipeKey(gpu="t4", model="biobert", tasks=(1, 1), max_length=512, method="full"),
        RecipeKey(gpu="t4", model="gpt2", tasks=(1, 1), max_length=512, method="lora"),
        RecipeKey(gpu="t4", model="biobert", tasks=(1, 1), max_length=128, method="qlora"),
    ):
        cell_of(store, key)
    workers = "data-loader"  # its settings are no part of a cell
    assert read - {workers} <= set(RULES)
    assert set(RULES) - read <= {"memory-estimate"}  # is read where no step was traced


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": 1}'])
def test_another_file_is_bad_input(small, content):
    path = cells_path(small, "biobert")
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInputError) as error:
        read_cells(small, "biobert")
    assert error.value.problems[0].code == "KB417"


def test_files_stay_small():
    for model in KEPT:
        assert len(cells_path(PLACE, model).read_bytes()) < 30_000
        assert json.loads(cells_path(PLACE, model).read_text(encoding="utf-8"))["schema"] == "kb-cells/1"
