"""What the grid covers, and what follows from a configuration alone."""

import json
from dataclasses import replace

import pytest
from memory_grid.configuration import Configuration
from memory_grid.grid import MAX_LENGTHS, NUM_DRAWN, configurations

GRID = configurations()
MODELS = {
    "bert-base-uncased", "biobert", "distilbert-base-uncased", "roberta-base", "phobert-base", "roberta-large",
    "xlm-roberta-base", "deberta-v3-base", "modernbert-base", "all-minilm-l6-v2",
    "gpt2", "qwen2.5-0.5b", "qwen3-0.6b", "llama-3.2-1b", "gemma-3-1b",
}  # fmt: skip
AXES = {
    "model": MODELS,
    "precision": {"fp32", "fp16", "bf16"},
    "attn_implementation": {"eager", "sdpa"},
    "padding": {False, True},
    "gradient_checkpointing": {False, True},
    "optim": {"adamw_torch_fused", "adamw_torch", "adamw_bnb_8bit", "adafactor"},
    "method": {"full", "lora"},
    "gradient_accumulation_steps": {1, 4},
    "tasks": {1, 8},
    "mixing": {"interleaved", "joint"},
    "max_length": {64, 128, 256, 384, 512},
    "per_device_train_batch_size": {1, 3, 7, 16, 33, 64},
    "run": {"train", "evaluate"},
}


def value_of(configuration, axis):
    return getattr(configuration, axis) if hasattr(configuration, axis) else getattr(configuration.settings, axis)


def test_at_least_sixty_configurations_have_ids_of_their_own():
    assert len(GRID) >= 60
    assert len({configuration.id for configuration in GRID}) == len(GRID)
    assert len({json.dumps(configuration.to_json()) for configuration in GRID}) == len(GRID)


@pytest.mark.parametrize("axis", AXES)
def test_every_value_of_every_axis_occurs(axis):
    assert {value_of(configuration, axis) for configuration in GRID} >= AXES[axis]


def test_an_evaluation_batch_is_larger_than_the_training_batch_somewhere():
    assert any(
        each.settings.per_device_eval_batch_size > 4 * each.settings.per_device_train_batch_size for each in GRID
    )


def test_every_configuration_can_be_trained(store):
    for configuration in GRID:
        model = store.model(configuration.model)
        assert configuration.max_length <= model.max_length
        assert configuration.mixing == "interleaved" or (configuration.tasks > 1 and model.family == "encoder")
        assert model.default_attention == "sdpa" or configuration.settings.attn_implementation == "eager"
        assert not (model.overflows_in_fp16 and configuration.settings.precision == "fp16")
    assert all(store.model(model).max_length == length for model, length in MAX_LENGTHS.items())


def test_the_drawn_part_is_the_same_each_time():
    assert configurations() == GRID
    assert len(GRID[-NUM_DRAWN:]) == NUM_DRAWN


def test_about_half_is_held_out():
    assert 0.35 <= sum(configuration.held_out for configuration in GRID) / len(GRID) <= 0.65


def test_held_out_follows_from_the_configuration_alone():
    for configuration in GRID:
        again = Configuration.from_json(json.loads(json.dumps(configuration.to_json())))
        assert again == configuration
        shuffled = dict(reversed(configuration.to_json().items()))
        assert Configuration.from_json(shuffled).held_out == configuration.held_out
    flags = {replace(GRID[0], num_steps=number).held_out for number in range(1, 20)}
    assert flags == {False, True}
