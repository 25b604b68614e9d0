import json

import pytest

from recipe_kb.cli.main import run
from recipe_kb.dialects.registry import DIALECTS

ENCODER = "t4/biobert/8t-512-full"
DECODER = "a100-40gb/llama-3.2-3b/1t-512-lora"


@pytest.mark.parametrize("form", DIALECTS)
def test_every_format_prints_and_is_the_text_of_kb_recipe(form, capsys):
    assert run(["export", DECODER, "--format", form]) == 0
    exported = capsys.readouterr().out
    assert exported.endswith("\n")
    cell = ["--gpu", "a100-40gb", "--model", "llama-3.2-3b", "--method", "lora"]
    assert run(["recipe", *cell, "--format", form]) == 0
    assert capsys.readouterr().out == exported


def test_values_to_copy_are_the_same_in_both_languages(capsys):
    texts = []
    for language in ("en", "vi"):
        assert run(["export", ENCODER, "--format", "notebook", "--lang", language]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]


def test_a_file_is_written_and_never_overwritten_by_chance(tmp_path, capsys):
    path = tmp_path / "train.py"
    words = ["export", ENCODER, "--format", "python", "--output", str(path)]
    assert run(words) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert str(path) in captured.err
    path.write_text("mine")
    assert run(words) == 2
    error = capsys.readouterr().err
    assert "KB451" in error
    assert "--force" in error
    assert path.read_text() == "mine"
    assert run([*words, "--force"]) == 0
    assert "TRAINING_ARGUMENTS" in path.read_text()


def test_a_folder_that_is_not_there_is_an_error(tmp_path, capsys):
    assert run(["export", ENCODER, "--format", "yaml", "--output", str(tmp_path / "none" / "x.yaml")]) == 2
    assert "KB452" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["axolotl", "llamafactory"])
@pytest.mark.parametrize(("language", "word"), [("en", "encoder"), ("vi", "encoder")])
def test_a_trainer_that_cannot_train_it_is_refused_with_those_that_can(form, language, word, capsys):
    assert run(["export", ENCODER, "--format", form, "--lang", language]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "KB450" in captured.err
    assert word in captured.err
    assert "notebook" in captured.err


@pytest.mark.parametrize(
    ("words", "code"), [(["nonsense", "--format", "yaml"], "KB208"), ([ENCODER, "--format", "yml"], "yaml")]
)
def test_bad_input_is_named(words, code, capsys):
    assert run(["export", *words]) == 2
    assert code in capsys.readouterr().err


def test_json_holds_the_text(capsys):
    assert run(["export", ENCODER, "--format", "args", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "kb-export/1"
    assert (document["recipe"], document["format"], document["output"]) == (ENCODER, "args", None)
    assert document["text"].startswith("--per_device_train_batch_size 32\n")


def test_what_a_format_cannot_carry_is_said_beside_it(capsys):
    assert run(["export", ENCODER, "--format", "accelerate"]) == 0
    captured = capsys.readouterr()
    assert "accepts_loss_kwargs" in captured.err
    assert "accepts_loss_kwargs" not in captured.out


def test_a_refuted_recipe_is_a_finding(capsys):
    assert run(["export", "a100-40gb/llama-3.2-3b/1t-512-full", "--format", "yaml"]) == 1
    assert "refuted" in capsys.readouterr().err


def test_several_cards_share_the_batch(capsys):
    assert run(["export", ENCODER, "--format", "python", "--num-gpus", "2"]) == 0
    text = capsys.readouterr().out
    assert "torchrun --nproc_per_node 2" in text
    assert '"per_device_train_batch_size": 16' in text
