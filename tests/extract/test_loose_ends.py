"""What people write that was once read wrongly, shown in full, or said in another language."""

import pytest

from recipe_kb import i18n
from recipe_kb.errors import BadInputError
from recipe_kb.extract.read import configurations_in

TOKEN = "hf_" + "a1B2" * 8
KEY = "0123456789abcdef" * 2


def only(content, name, store):
    (found,) = configurations_in(content, name, store).configurations
    return found


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("batch_size = 8 * 4\n", "per_device_train_batch_size", 32),
        ("lr = 2e-5 * 4 ** 0.5\n", "learning_rate", 4e-5),
        ("lr = 2e-5 * 3\n", "learning_rate", 6e-5),
        ("lr = +1e-5\n", "learning_rate", 1e-5),
        ("BATCH = 16\nargs = Arguments(per_device_train_batch_size=BATCH)\n", "per_device_train_batch_size", 16),
        ("BATCH = 16\nBATCH *= 2\nx = A(per_device_train_batch_size=BATCH)\n", "per_device_train_batch_size", 32),
        (
            "if small:\n    N = 4\nelse:\n    N = 4\nx = A(per_device_train_batch_size=N)\n",
            "per_device_train_batch_size",
            4,
        ),
        (
            "if __name__ == '__main__':\n    N = 4\n    x = A(per_device_train_batch_size=N)\n",
            "per_device_train_batch_size",
            4,
        ),
    ],
)
def test_arithmetic_on_literals_is_worked_out(text, name, value, store):
    found = only(text + "num_train_epochs = 3\nmax_grad_norm = 1.0\n", "a.py", store)
    assert found.get(name).value == value
    assert type(found.get(name).value) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "x = A(per_device_train_batch_size=9**9**9)\n",
        "x = A(per_device_train_batch_size=1 // 0)\n",
        "x = A(per_device_train_batch_size=(-8) ** 0.5)\n",
        "x = A(per_device_train_batch_size=f'{8}')\n",
        "x = A(per_device_train_batch_size=int('8'))\n",
        "if big:\n    N = 16\nelse:\n    N = 4\nx = A(per_device_train_batch_size=N)\n",
        "N = 4\nif big:\n    N = 16\nx = A(per_device_train_batch_size=N)\n",
        "N = 4\nfor N in (8, 16):\n    x = A(per_device_train_batch_size=N)\n",
        "N = 4\ndef f(N):\n    x = A(per_device_train_batch_size=N)\n",
        "N = 4\nN = choose()\nx = A(per_device_train_batch_size=N)\n",
    ],
)
def test_what_only_the_running_program_knows_is_not_guessed(text, store):
    found = configurations_in(text + "num_train_epochs = 3\nmax_grad_norm = 1.0\n", "a.py", store).configurations
    assert not any(one.get("per_device_train_batch_size") for one in found)
    assert any(one.name == "per_device_train_batch_size" for each in found for one in each.not_understood)


def test_a_comment_above_a_command_belongs_to_all_its_lines(store):
    text = "# T4, 8 tasks, batch 96\npython run.py \\\n  --lr 2e-5 \\\n  --per_device_train_batch_size 16\n"
    found = only(text, "a.sh", store)
    assert (found.context.gpu, found.context.tasks) == ("t4", 8)
    assert found.get("per_device_train_batch_size").above == "T4, 8 tasks, batch 96"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"hub_token: {TOKEN}\nwandb_api_key: {KEY}\n", "a.yaml"),
        (f"# token {TOKEN}\nlr: 1e-5  # {TOKEN}\n", "a.yaml"),
        (f'{{"hub_token": "{TOKEN}", "learning_rate": 1e-5, "note": "api_key={KEY}"}}', "a.json"),
        (f"x = A(hub_token='{TOKEN}', learning_rate=1e-5, num_train_epochs=3, api_key='{KEY}')\n", "a.py"),
        (f"export HF_TOKEN={TOKEN}\npython a.py --hub_token {TOKEN} --learning_rate 1e-5\n", "a.sh"),
    ],
)
def test_a_secret_is_not_handed_on(text, name, store):
    extracted = configurations_in(
        text + ("" if name == "a.json" else "\nbatch_size = 8\n" * (name == "a.py")), name, store
    )
    shown = repr(extracted)
    assert extracted.configurations or name == "a.yaml"
    assert TOKEN not in shown
    assert KEY not in shown


def test_a_masked_setting_says_what_it_is_and_is_never_replaced(store):
    setting = only(f"learning_rate: 1e-5\nbatch_size: 8\nhub_token: {TOKEN}\n", "a.yaml", store).get("hub_token")
    assert (setting.value, setting.written_value, setting.start) == ("hf_****", "hf_****", None)


@pytest.mark.parametrize(
    ("name", "content", "place", "says"),
    [
        ("a.yaml", "lr: 1e-5\nname: a: b\n", "a.yaml:2:8", "dấu hai chấm thứ hai"),
        ("a.yaml", "lr: [1, 2\nx: 3\n", "a.yaml:2:2", "đóng ngoặc"),
        ("a.yaml", "x: @y\n", "a.yaml:1:4", "ký tự mà YAML giữ riêng"),
        ("a.py", "x = (1\ny = 2\n", "a.py:1:5", "dấu ngoặc đã mở"),
        ("a.json", '{"lr": 1e-5 "x": 2}', "a.json:1:13", "thiếu dấu phẩy"),
        ("a.toml", "a = = 1", "a.toml:1:5", "không phải giá trị của TOML"),
        ("a.ipynb", '{"cells": [}', "a.ipynb:1:12", "thiếu giá trị"),
    ],
)
def test_a_broken_file_is_explained_in_the_users_language(name, content, place, says, store):
    i18n.activate("vi")
    with pytest.raises(BadInputError) as caught:
        configurations_in(content, name, store)
    (problem,) = caught.value.problems
    assert problem.where == place
    assert says in problem.what
    assert "expected" not in problem.what


def test_a_card_of_several_sizes_is_asked_for(store):
    text = "# for a V100\nbatch_size: 8\nlearning_rate: 1e-5\n"
    extracted = configurations_in(text, "a.yaml", store)
    assert extracted.configurations[0].context.gpu is None
    assert extracted.configurations[0].context.gpu_one_of == ("v100-16gb", "v100-32gb")
    (warning,) = extracted.warnings
    assert (warning.code, warning.where) == ("KB438", "a.yaml:1")
    assert "v100-16gb or v100-32gb" in warning.what
    assert only(text + "# V100 32GB\n", "a.yaml", store).context.gpu == "v100-32gb"


@pytest.mark.parametrize("method", ["lora", "full"])
def test_adapters_on_four_bits_are_qlora(method, store):
    text = f"quantization_bit: 4\nfinetuning_type: {method}\nlearning_rate: 1e-4\nper_device_train_batch_size: 1\n"
    found = only(text, "a.yaml", store)
    assert found.get("method").value == found.context.method == ("qlora" if method == "lora" else "full")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("# my settings\nbatch_size: 8\nlearning_rate: 1e-5\n", "yaml"),
        ("# Title\n\n```yaml\nbatch_size: 8\nlearning_rate: 1e-5\n```\n", "yaml"),
        ("# Title\n\n| Setting | Value |\n|---|---|\n| batch_size | 8 |\n| lr | 1e-5 |\n", "markdown-table"),
        ('import os\n"""\n```\nlr\n```\n"""\nx = A(batch_size=8, learning_rate=1e-5)\n', "python"),
        ('{"cells": [{"cell_type": "code", "source": ["batch_size = 8\\n", "lr = 1e-5"]}], "nbformat": 4}', "python"),
        ('{"batch_size": 8, "learning_rate": 1e-5}', "json"),
        ("#!/bin/bash\npython a.py --batch_size 8 --learning_rate 1e-5\n", "shell"),
    ],
)
def test_the_content_says_what_the_standard_input_is(content, kind, store):
    found = only(content.encode(), "-", store)
    assert found.kind == kind
    assert found.get("per_device_train_batch_size").value == 8


DEEPSPEED = """\
{"bf16": {"enabled": true},
 "optimizer": {"type": "AdamW", "params": {"lr": 3e-5}},
 "scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 3e-5, "warmup_num_steps": 500}},
 "train_micro_batch_size_per_gpu": 8}
"""
UNSLOTH = """\
args = SFTConfig(per_device_train_batch_size=2, fp16=not is_bfloat16_supported(), bf16=is_bfloat16_supported(),
                 optim="adamw_8bit", seed=3407)
"""


def values(content, name, store):
    return {one.name: one.value for one in only(content, name, store).settings}


def test_optimizer_and_scheduler_of_deepspeed_are_one_configuration(store):
    found = values(DEEPSPEED, "ds.json", store)
    assert (found["learning_rate"], found["warmup_steps"], found["per_device_train_batch_size"]) == (3e-5, 500, 8)


def test_two_switches_that_the_program_computes_are_one_configuration(store):
    assert values(UNSLOTH, "a.py", store) == {
        "per_device_train_batch_size": 2,
        "optim": "adamw_bnb_8bit",
        "seed": 3407,
    }


def test_experiments_that_share_a_value_stay_apart(store):
    text = "a:\n  lr: 1e-5\n  batch_size: 8\nb:\n  lr: 1e-5\n  batch_size: 16\n"
    found = configurations_in(text, "a.yaml", store).configurations
    assert [[one.value for one in each.settings] for each in found] == [[1e-5, 8], [1e-5, 16]]


def test_a_call_that_repeats_a_constant_keeps_it_where_it_is_another_configuration(store):
    text = "batch_size = 16\nlearning_rate = 1e-5\nx = A(per_device_train_batch_size=16, learning_rate=2e-5)\n"
    found = configurations_in(text, "a.py", store).configurations
    assert [[one.value for one in each.settings] for each in found] == [[16, 1e-5], [16, 2e-5]]


def test_what_a_sweep_chooses_from_is_said_and_not_taken(store):
    text = (
        "parameters:\n  learning_rate: {min: 1e-6, max: 1e-4}\n  per_device_train_batch_size: {values: [8, 16]}\n"
        "  num_train_epochs: {value: 3}\n  warmup_ratio: {value: 0.1}\n"
    )
    found = only(text, "sweep.yaml", store)
    assert {one.name for one in found.settings} == {"num_train_epochs", "warmup_ratio"}
    assert [one.why for one in found.not_understood] == [
        "the end of a range to choose from",
        "the end of a range to choose from",
        "a list of several values",
    ]


def test_kaggle_writes_the_number_of_cards_behind(store):
    text = "# On a Kaggle T4 x2\nbatch_size: 8\nlearning_rate: 1e-5\n"
    assert only(text, "a.yaml", store).context.num_gpus == 2


def test_the_first_line_of_a_script_is_no_title(store):
    text = "#!/usr/bin/env bash\npython a.py --batch_size 8 --learning_rate 1e-5\n"
    assert only(text, "a.sh", store).label == ""
