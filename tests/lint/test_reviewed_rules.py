"""Rules on files as `kb extract` reads them; what a review found is held here."""

import pytest

from recipe_kb.extract.read import configurations_in
from recipe_kb.lint.run import lint


def messages(text, name, store, code):
    found = configurations_in(text.encode(), name, store).configurations
    return [one.message for one in lint(found, store, text.split("\n")).findings if one.code == code]


@pytest.mark.parametrize("name", ["a.yaml", "a.toml", "a.json", "a.py"])
def test_a_slip_of_the_finger_is_reported_with_the_nearest_name(name, store):
    text = {
        "a.yaml": "per_device_train_batch_size: 8\nlearing_rate: 2e-5\n",
        "a.toml": "per_device_train_batch_size = 8\nlearing_rate = 2e-5\n",
        "a.json": '{"per_device_train_batch_size": 8,\n"learing_rate": 2e-5}\n',
        "a.py": "args = TrainingArguments(per_device_train_batch_size=8, num_train_epochs=2,\nlearing_rate=2e-5)\n",
    }[name]
    (message,) = messages(text, name, store, "KB508")
    assert "learing_rate" in message
    assert "Did you mean learning_rate?" in message


def test_a_name_of_another_program_is_no_slip(store):
    text = (
        "per_device_train_batch_size: 8\nlearning_rate: 2e-5\ntemplate: x\npreprocessing_num_workers: 4\nstage: sft\n"
    )
    assert not messages(text, "a.yaml", store, "KB508")


@pytest.mark.parametrize(
    "text",
    [
        "base_model: Qwen/Qwen2.5-7B\nadapter: lora\nmicro_batch_size: 2\nwarmup_ratio: 0.1\n",
        "model_name_or_path: Qwen/Qwen2.5-7B\nfinetuning_type: lora\nlora_target: all\nwarmup_ratio: 0.1\n",
    ],
)
def test_trainers_with_names_of_their_own_keep_them(text, store):
    assert not messages(text, "a.yaml", store, "KB508")


def test_deepspeed_leaves_the_number_of_cards_to_its_launcher(store):
    text = '{"train_batch_size": %d,\n"train_micro_batch_size_per_gpu": 8,\n"gradient_accumulation_steps": 4}\n'
    assert not messages(text % 96, "ds.json", store, "KB501")
    (message,) = messages(text % 100, "ds.json", store, "KB501")
    assert message.startswith("train_batch_size says 100")
