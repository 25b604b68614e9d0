"""Names: spellings, dialects, switches, what is not understood."""

import ast
import importlib.util
from pathlib import Path

import pytest

from recipe_kb.extract import kinds
from recipe_kb.extract.found import Entry
from recipe_kb.extract.names import Names, fold
from recipe_kb.extract.parse import readers
from recipe_kb.extract.read import configurations_in
from recipe_kb.schema.recipe import Settings


@pytest.fixture(scope="module")
def spellings(store):
    return store.spellings()


@pytest.fixture(scope="module")
def names(spellings):
    return Names(spellings)


def values(text, name, store):
    found = configurations_in(text, name, store).configurations
    return {setting.name: setting.value for one in found for setting in one.settings}


@pytest.mark.parametrize(
    "written",
    [
        *("batch_size", "micro_batch_size", "BATCH_SIZE", "train_batch_size", "batch-size", "trainBatchSize"),
        *("per_gpu_train_batch_size", "train.batch_size", "Batch Size"),
    ],
)
def test_the_batch_has_many_names(names, written):
    assert names.meaning(Entry(path=written, written=written, text="8", line=1), None).name == (
        "per_device_train_batch_size"
    )


def test_every_setting_of_a_recipe_is_known(spellings):
    assert set(Settings.__dataclass_fields__) <= set(spellings.settings)


def test_no_name_means_two_things_in_one_dialect(names):
    for written, meanings in names._codes.items():
        by_dialect = {}
        for meaning in meanings:
            dialect = meaning.spelling.dialect if meaning.spelling else None
            by_dialect.setdefault(dialect, set()).add(meaning.name)
        assert all(len(found) == 1 for found in by_dialect.values()), written


def test_the_arguments_are_those_of_the_installed_transformers(spellings):
    """Read from the source: importing transformers takes seconds."""
    package = importlib.util.find_spec("transformers")
    if package is None or package.origin is None:
        pytest.skip("transformers is not installed")
    tree = ast.parse((Path(package.origin).parent / "training_args.py").read_text(encoding="utf-8"))
    made = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "TrainingArguments")
    fields = {node.target.id for node in made.body if isinstance(node, ast.AnnAssign)}
    assert len(fields) > 80
    spelled = {written for one in spellings.settings.values() for each in one.spellings for written in each.written}
    listed = {*spellings.arguments, *spellings.settings, *spelled}
    assert fields <= listed
    assert set(spellings.arguments) <= fields
    for change in spellings.changes:
        assert (change.argument in fields) == (change.gone is None), change.argument
        assert change.replacement is None or change.replacement in fields, change.argument


def test_weak_names_are_among_the_arguments(spellings):
    assert set(spellings.weak_arguments) <= set(spellings.arguments)


def test_the_readers_are_the_files_of_their_folder():
    files = {path.stem for path in Path(kinds.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(readers()) | {"markdown", "notebook", "table"} == files


def test_a_dialect_gives_a_name_its_own_meaning(store):
    deepspeed = '{"train_batch_size": 64, "train_micro_batch_size_per_gpu": 4}'
    assert values(deepspeed, "a.json", store) == {"effective_batch_size": 64, "per_device_train_batch_size": 4}
    assert values('{"train_batch_size": 64, "lr": 1e-5}', "a.json", store)["per_device_train_batch_size"] == 64


def test_both_switches_on_stay_visible(store):
    (found,) = configurations_in("fp16: true\nbf16: true\nlr: 1e-5\n", "a.yaml", store).configurations
    told = [(one.name, one.value, one.written_name) for one in found.settings[:2]]
    assert told == [("precision", "fp16", "fp16"), ("precision", "bf16", "bf16")]


def test_one_switch_off_does_not_hide_the_other(store):
    assert values("fp16: false\nbf16: true\n", "a.yaml", store) == {"fp16": False, "precision": "bf16"}
    assert values("fp16: false\nlr: 1e-5\n", "a.yaml", store) == {"precision": "fp32", "learning_rate": 1e-5}


def test_what_is_not_understood_is_said_with_a_reason(store):
    text = "training:\n  learning_rate: fast\n  batch_size: [8, 16]\n  flux: 88\n  num_train_epochs: auto\n"
    text += "  max_steps: 9\n"
    (found,) = configurations_in(text, "a.yaml", store).configurations
    whys = {one.name: one.why for one in found.not_understood}
    assert list(whys) == ["training.learning_rate", "training.batch_size", "training.flux", "training.num_train_epochs"]
    assert "kind" in whys["training.learning_rate"]
    assert "several" in whys["training.batch_size"]
    assert "known" in whys["training.flux"]
    assert "something else" in whys["training.num_train_epochs"]


def test_a_setting_is_found_by_our_name(store):
    text = "args.lr = 1e-5\nargs.epochs = 3\n"
    (found,) = configurations_in(text, "a.py", store).configurations
    assert found.get("learning_rate").value == 1e-5
    assert found.get("optim") is None


def test_one_attribute_of_a_class_makes_no_configuration(store):
    text = "class Encoder:\n    def __init__(self):\n        self.gradient_checkpointing = False\n"
    assert configurations_in(text, "modeling.py", store).configurations == ()


def test_marks_do_not_count(names):
    assert fold("Tốc độ học") == "tocdohoc"
    assert fold("per_device-Train Batch") == "perdevicetrainbatch"
