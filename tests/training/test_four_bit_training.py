"""Adapters on 4-bit weights: packed as they were predicted, trained by the real `Trainer`.

bitsandbytes packs and multiplies on a CPU too, so what is special to a GPU is its kernels alone.
"""

import pytest
import torch

from recipe_kb.training.data import Plan, TaskRows
from recipe_kb.training.loop import train, training_arguments
from recipe_kb.training.network import build_network
from recipe_kb.training.unsupported import UnsupportedError
from tiny import BERT, QWEN2, model_of, settings_with

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft's
GPT2 = {"model_type": "gpt2", "vocab_size": 2000, "n_embd": 64, "n_layer": 2, "n_head": 2, "n_positions": 64}
LORA = settings_with(precision="bf16", lora_r=8, lora_alpha=16, lora_dropout=0.0, learning_rate=1e-2)
WIDE = {"hidden_size": 128, "intermediate_size": 256}  # whole blocks of 64 weights


def four_bit_layers(network):
    from bitsandbytes.nn import Linear4bit

    return {name: module for name, module in network.named_modules() if isinstance(module, Linear4bit)}


def test_without_bitsandbytes_it_is_refused(monkeypatch):
    monkeypatch.setattr("recipe_kb.training.network.find_spec", lambda _name: None)
    with pytest.raises(UnsupportedError, match="bitsandbytes"):
        build_network(model_of(QWEN2), LORA, tasks=1, method="qlora")


@pytest.fixture
def bitsandbytes():
    return pytest.importorskip("bitsandbytes", reason="needs bitsandbytes")


@pytest.mark.parametrize("config", [QWEN2 | WIDE, BERT | WIDE, GPT2 | {"n_embd": 128}], ids=["qwen2", "bert", "gpt2"])
@pytest.mark.parametrize("tasks", [1, 2])
def test_every_layer_is_packed_as_it_was_traced(bitsandbytes, config, tasks):
    """Bytes of each packed layer, of its scales and codes, are those of the network that memory is predicted with."""
    from recipe_kb.tracing.four_bit import FourBitLinear, quantized_network

    real = build_network(model_of(config), LORA, tasks=tasks, method="qlora").to("cpu")
    with torch.device("meta"):
        traced = quantized_network(model_of(config), LORA, tasks)
    predicted = {name: module for name, module in traced.named_modules() if isinstance(module, FourBitLinear)}
    packed = four_bit_layers(real)
    assert packed
    assert len(packed) == len(predicted)
    for (_, layer), (_, expected) in zip(sorted(packed.items()), sorted(predicted.items()), strict=True):
        state = layer.weight.quant_state
        assert (layer.in_features, layer.out_features) == (expected.in_features, expected.out_features)
        for mine, theirs in (
            (layer.weight, expected.weight),
            (state.absmax, expected.absmax),
            (state.code, expected.code),
            (state.offset, expected.offset),
            (state.state2.absmax, expected.nested_absmax),
            (state.state2.code, expected.nested_code),
        ):
            assert (mine.numel(), mine.dtype) == (theirs.numel(), theirs.dtype)
        assert layer.compute_dtype == expected.compute_dtype == torch.bfloat16
    others = [sum(p.numel() * p.element_size() for p in one.parameters() if p.requires_grad) for one in (real, traced)]
    assert others[0] == others[1] > 0


def test_packed_weights_are_close_to_the_given_ones(bitsandbytes):
    """nf4 is coarse, so the products are near, and they are of the right layer and not transposed."""
    for config in (QWEN2 | WIDE, GPT2 | {"n_embd": 128}):
        plain = build_network(model_of(config), LORA, tasks=1, method="lora")
        packed = build_network(model_of(config), LORA, tasks=1, method="qlora").to("cpu")
        ids = torch.arange(32).unsqueeze(0)
        with torch.no_grad():
            expected, got = (one.eval()(input_ids=ids).logits.float() for one in (plain, packed))
        similarity = torch.nn.functional.cosine_similarity(expected.flatten(), got.flatten(), dim=0)
        assert similarity > 0.9


@pytest.mark.parametrize("config", [QWEN2, BERT], ids=["decoder", "encoder"])
def test_the_real_trainer_trains_the_adapters_alone(bitsandbytes, tmp_path, config):
    network = build_network(model_of(config), LORA, tasks=1, method="qlora")
    plan = {"family": "decoder" if config is QWEN2 else "encoder", "tasks": 1, "mixing": "interleaved"}
    plan |= {"vocab_size": 2000, "max_length": 32, "batch_size": 4}
    arguments = training_arguments(LORA, num_steps=12, output_dir=tmp_path, use_cpu=True)
    before = {name: layer.weight.data.clone() for name, layer in four_bit_layers(network.to("cpu")).items()}
    for layer in four_bit_layers(network).values():
        layer.support_avx512bf16_for_cpu = False  # an evaluation would store the same weights in another order
    steps = train(
        network,
        arguments,
        train_rows=TaskRows(Plan(**plan, num_micro_batches=12)),
        eval_rows=TaskRows(Plan(**plan, num_micro_batches=1)),
    )
    assert steps[-1].loss < steps[0].loss
    assert all(step.grad_norm > 0 for step in steps)
    layers = four_bit_layers(network)
    assert all(torch.equal(layer.weight.data, before[name]) for name, layer in layers.items())
    assert {p.dtype for p in network.parameters() if p.requires_grad} == {torch.float32}
    assert {layer.weight.dtype for layer in layers.values()} == {torch.uint8}
