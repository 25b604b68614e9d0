"""The storage of 4-bit layers, counted by hand; what trains; what a product allocates and keeps.

The same numbers came out of bitsandbytes 0.50.1 itself on a CPU: storage, parameters, and what lives after a forward
pass of tiny Qwen2 and BERT with peft's own 4-bit layer, in float32 and under autocast.
"""

from collections import Counter

import pytest
import torch
from tiny_jobs import live
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers.quantizers.base import get_keys_to_not_convert
from transformers.quantizers.quantizers_utils import should_convert_module

from recipe_kb.tracing.four_bit import FourBitLinear, quantized_network
from recipe_kb.tracing.tracker import StorageTracker
from recipe_kb.training.network import build_network
from recipe_kb.training.unsupported import UnsupportedError
from tiny import BERT, QWEN2, model_of, settings_with

# peft 0.21 asks for `is_gradient_checkpointing`, which transformers 5.23 renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
LORA = {"lora_r": 4, "lora_alpha": 8, "lora_dropout": 0.05}
GPT2 = {"model_type": "gpt2", "vocab_size": 2000, "n_embd": 64, "n_layer": 2, "n_head": 2, "n_positions": 64}
GPT2 |= {"bos_token_id": 0, "eos_token_id": 0}
K, N, ROWS = 128, 64, 8
PACKED, SCALES, DEQUANTIZED = K * N // 2, 4 * K * N // 64, 2 * K * N
INPUT, OUTPUT = 2 * ROWS * K, 2 * ROWS * N
IN_FLOAT = 2
"""How many times larger float32 is."""


def build(config, tasks=1, **values):
    settings = settings_with(**{"precision": "bf16", **LORA, **values})
    with torch.device("meta"):
        return quantized_network(model_of(config), settings, tasks)


def four_bit_layers(network):
    return {name: module for name, module in network.named_modules() if isinstance(module, FourBitLinear)}


def num_bytes(*tensors):
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def test_the_storage_of_a_tiny_decoder():
    network = build(QWEN2)
    layers = four_bit_layers(network).values()
    assert len(layers) == 2 * 7
    # q 64x64, k and v 64x32, o 64x64, gate, up and down 64x128
    elements = 2 * (4096 + 2048 + 2048 + 4096 + 3 * 8192)
    assert sum(num_bytes(layer.weight) for layer in layers) == elements // 2
    assert sum(num_bytes(layer.absmax) for layer in layers) == elements // 64
    # no layer has more than 256 scales, so each has one scale of scales, and one offset
    assert sum(num_bytes(layer.nested_absmax, layer.offset) for layer in layers) == len(layers) * (4 + 4)
    assert sum(num_bytes(layer.code, layer.nested_code) for layer in layers) == len(layers) * 4 * (16 + 256)
    quantized = {id(layer.weight) for layer in layers}
    frozen = [p for p in network.parameters() if not p.requires_grad and id(p) not in quantized]
    biases, norms, embeddings = 2 * (64 + 32 + 32), (2 * 2 + 1) * 64, 2 * 2000 * 64
    assert num_bytes(*frozen) == 2 * (biases + norms + embeddings)


def test_a_large_layer_takes_the_documented_bits_per_weight():
    """4 bits, and by the QLoRA paper 0.127 bits for the scales: 8 / 64 + 32 / (64 * 256)."""
    with torch.device("meta"):
        layer = FourBitLinear(8192, 3072, None, torch.bfloat16)
    bits = 8 * num_bytes(*layer.parameters(), *layer.buffers()) / (8192 * 3072)
    assert bits == pytest.approx(4 + 0.127, abs=0.001)


@pytest.mark.parametrize(("config", "tasks"), [(QWEN2, 1), (GPT2, 1), (BERT, 1), (BERT, 3)])
def test_only_adapters_and_heads_train_in_float32(config, tasks):
    network = build(config, tasks)
    trained = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert {parameter.dtype for parameter in trained.values()} == {torch.float32}
    heads = {name for name in trained if "lora_" not in name}
    assert len(heads) == (0 if config["model_type"] in {"qwen2", "gpt2"} else 2 * tasks)
    assert all(".classifier." in name or name.startswith("heads.") for name in heads)
    assert sum("lora_" in name for name in trained) == 2 * len(four_bit_layers(network)) > 0
    frozen = {parameter.dtype for parameter in network.parameters() if not parameter.requires_grad}
    assert frozen == {torch.uint8, torch.bfloat16}


@pytest.mark.parametrize("config", [QWEN2, GPT2, QWEN2 | {"tie_word_embeddings": True}])
def test_a_decoder_is_quantised_where_transformers_quantises_it(config):
    with torch.device("meta"):
        whole = build_network(model_of(config), settings_with(), tasks=1)
    kept = get_keys_to_not_convert(whole)
    linear = {"Linear", "Conv1D"}
    expected = {name for name, module in whole.named_modules() if type(module).__name__ in linear}
    expected = {name for name in expected if should_convert_module(name, kept)}
    found = {
        name.removeprefix("base_model.model.").removesuffix(".base_layer") for name in four_bit_layers(build(config))
    }
    assert found == expected
    assert len(found) > 4


def test_all_linear_layers_of_an_encoder_but_its_classifier():
    names = four_bit_layers(build(BERT))
    assert len(names) == 2 * 6
    assert not any("classifier" in name for name in names)


def test_gpt2_keeps_its_orientation():
    layers = four_bit_layers(build(GPT2))
    layer = next(layer for name, layer in layers.items() if "attn.c_attn" in name)
    assert (layer.in_features, layer.out_features) == (64, 3 * 64)


def test_adapters_without_a_rank_are_refused():
    with pytest.raises(UnsupportedError):
        build(QWEN2, lora_r=None)


def run_layer(dtype, *, needs_gradient=True, bias=False):
    """Run one layer forward and backward.

    Returns:
        Sizes that live at the peak of the forward pass, after it, and at the peak of the backward pass.
    """
    with FakeTensorMode():
        given = nn.Parameter(torch.empty(N, dtype=torch.bfloat16), requires_grad=False) if bias else None
        layer = FourBitLinear(K, N, given, torch.bfloat16)
        tracker = StorageTracker(logit_width=-1)
        with tracker:
            inputs = torch.empty(ROWS, K, dtype=dtype, requires_grad=needs_gradient)
            output = layer(inputs)
            forward = list(tracker.events)
            kept = Counter(tracker.num_bytes[index] for index in live(forward) - {*tracker.decided})
            if needs_gradient:
                gradient = torch.autograd.grad(output, inputs, torch.empty_like(output))
                assert gradient[0].dtype == dtype
        assert output.dtype == dtype
        assert output.shape == (ROWS, N)
        return highest(forward, tracker.num_bytes), kept, highest(tracker.events[len(forward) :], tracker.num_bytes)


def highest(events, sizes):
    live, most, largest = Counter(), Counter(), 0
    for event in events:
        index = event if event >= 0 else ~event
        live[index] += 1 if event >= 0 else -1
        total = sum(sizes[index] * count for index, count in live.items())
        if total > largest:
            most, largest = Counter(sizes[index] for index, count in live.items() if count > 0 and sizes[index]), total
    return most


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("needs_gradient", [False, True])
def test_the_forward_pass_needs_one_dequantised_weight(needs_gradient, bias):
    peak, kept, _ = run_layer(torch.bfloat16, needs_gradient=needs_gradient, bias=bias)
    assert peak == Counter([INPUT, SCALES, SCALES, DEQUANTIZED, OUTPUT])
    assert kept == Counter([INPUT, OUTPUT])


def test_nothing_is_kept_for_the_backward_pass_even_of_a_cast_input():
    _, kept, _ = run_layer(torch.float32)
    assert kept == Counter([IN_FLOAT * INPUT, IN_FLOAT * OUTPUT])


def test_the_output_is_a_copy_as_from_pefts_layer():
    with FakeTensorMode():
        layer = FourBitLinear(K, N, None, torch.bfloat16)
        tracker = StorageTracker(logit_width=-1)
        with tracker, torch.no_grad():
            layer(torch.empty(ROWS, K, dtype=torch.bfloat16))
    assert tracker.num_bytes.count(OUTPUT) == 2


def test_the_backward_pass_dequantises_again():
    _, _, peak = run_layer(torch.bfloat16)
    assert peak[DEQUANTIZED] == 1
    assert peak[INPUT] == 1  # the gradient of the input
    assert set(peak) <= {DEQUANTIZED, INPUT, OUTPUT, SCALES}


def test_autograd_is_given_no_tensor_to_save():
    saved = []
    with FakeTensorMode():
        layer = FourBitLinear(K, N, None, torch.bfloat16)
        inputs = torch.empty(ROWS, K, dtype=torch.bfloat16, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor
        ):
            layer(inputs)
            assert saved == []
            nn.functional.linear(inputs, torch.empty(N, K, dtype=torch.bfloat16))
    assert saved != []


def test_adapters_take_their_input_as_it_is():
    """peft's 4-bit layer does not cast it to float32 under autocast, its plain one does."""
    network = build(QWEN2)
    layers = [module for module in network.modules() if hasattr(module, "lora_A")]
    assert len(layers) == 14
    inputs = torch.empty(3, 64, dtype=torch.bfloat16)
    assert all(layer._cast_input_dtype(inputs, torch.float32) is inputs for layer in layers)
