"""What several processes are told, and that one alone is told nothing of it."""

import pytest
import torch

from recipe_kb.training import loop
from recipe_kb.training.loop import training_arguments
from recipe_kb.training.multi_task import MultiTaskEncoder
from recipe_kb.training.network import build_network
from recipe_kb.training.together import agreed
from tiny import BERT, SETTINGS, model_of, settings_with


def arguments(tmp_path, settings=SETTINGS, **more):
    return training_arguments(settings, num_steps=2, output_dir=tmp_path, use_cpu=True, **more)


def test_one_process_asks_nobody():
    assert agreed(True, torch.device("cpu")) is True
    assert agreed(False, torch.device("cpu")) is False


def test_alone_there_is_nothing_to_share(tmp_path):
    alone = arguments(tmp_path, parallel="fsdp", interleaved_heads=True)
    assert (alone.ddp_find_unused_parameters, alone.fsdp_plugin_args, alone.ddp_backend) == (None, None, None)


@pytest.fixture
def told(monkeypatch):
    """Have the words for `TrainingArguments` back: the real one would look for the other process."""
    monkeypatch.setattr(loop, "TrainingArguments", dict)


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("interleaved", [True, False])
def test_ddp_looks_for_unused_heads_only_where_there_are_some(tmp_path, interleaved):
    found = arguments(tmp_path, num_gpus=2, interleaved_heads=interleaved)
    assert found.get("ddp_find_unused_parameters") == (True if interleaved else None)
    assert found["ddp_backend"] == "gloo"
    assert "fsdp" not in found


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize("layer", ["BertLayer", None])
def test_under_fsdp_recomputing_is_its_own_affair(tmp_path, checkpointing, layer):
    settings = settings_with(gradient_checkpointing=checkpointing)
    found = arguments(tmp_path, settings, num_gpus=2, parallel="fsdp", layer=layer, interleaved_heads=True)
    assert found["fsdp"] is True
    config = {"transformer_layer_cls_to_wrap": [layer]} if layer else {}
    config |= {"activation_checkpointing": True} if checkpointing else {}
    assert found.get("fsdp_config", {}) == config
    assert not found.get("activation_checkpointing")
    assert "ddp_find_unused_parameters" not in found


def test_the_encoders_layers_are_what_fsdp_gathers():
    network = build_network(model_of(BERT), SETTINGS, tasks=2)
    assert isinstance(network, MultiTaskEncoder)
    assert "BertLayer" in network._no_split_modules
