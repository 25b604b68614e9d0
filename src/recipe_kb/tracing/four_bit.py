"""The network of method qlora: frozen linear layers in the storage of bitsandbytes' `Linear4bit`.

Only storage is right here, nothing is computed: packed weights are never filled, and dequantising allocates what
bitsandbytes allocates. So no GPU and no bitsandbytes is needed to trace a training step.

Legend: N = out features, K = in features, n = N * K.

Source:
    bitsandbytes 0.50.1, nn/modules.py (`Linear4bit.forward`), autograd/_functions.py (`MatMul4Bit`), functional.py
    (`quantize_4bit`, `dequantize_4bit`), backends/cuda/ops.py (`_dequant_linear_fallback`).
    For up to 512 tokens (1536 with small weights) it may multiply without dequantising in the forward pass, by
    thresholds of each architecture; that is left out, because the backward pass dequantises anyway.
"""

from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Settings
from recipe_kb.training.adapters import add_lora, base_dtype
from recipe_kb.training.multi_task import MultiTaskEncoder
from recipe_kb.training.network import build_network

BLOCK_SIZE = 64
"""Weights that share one scale; the scale takes 8 bits."""
NESTED_BLOCK_SIZE = 256
"""Scales that share one scale of their own, in float32."""
_CODES = 16
_NESTED_CODES = 256


class FourBitLinear(nn.Linear):  # type: ignore[misc]  # torch is untyped here
    """A frozen linear layer in nf4 with double quantisation, as the exports of recipes ask for.

    It returns a copy of its output, as peft's LoRA layer for `Linear4bit` makes one; every layer here gets one.

    Args:
        num_inputs: K.
        num_outputs: N.
        bias: Kept as it was loaded.
        compute_dtype: What weights are dequantised to and products are computed in.
    """

    def __init__(
        self, num_inputs: int, num_outputs: int, bias: nn.Parameter | None, compute_dtype: torch.dtype
    ) -> None:
        nn.Module.__init__(self)  # nn.Linear's own would make the weights that this layer does not have
        self.in_features, self.out_features, self.compute_dtype = num_inputs, num_outputs, compute_dtype
        count = num_inputs * num_outputs
        scales = _ceil_div(count, BLOCK_SIZE)
        self.weight = nn.Parameter(torch.empty(_ceil_div(count, 2), 1, dtype=torch.uint8), requires_grad=False)
        self.bias = bias
        self.register_buffer("absmax", torch.empty(scales, dtype=torch.uint8))
        self.register_buffer("code", torch.empty(_CODES))
        self.register_buffer("offset", torch.empty(()))
        self.register_buffer("nested_absmax", torch.empty(_ceil_div(scales, NESTED_BLOCK_SIZE)))
        self.register_buffer("nested_code", torch.empty(_NESTED_CODES))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Allocate what the product allocates. Shapes: (..., K) to (..., N), in the dtype of the input."""
        cast = inputs.to(self.compute_dtype)
        bias = None if self.bias is None else self.bias.to(self.compute_dtype)
        needs_gradient = torch.is_grad_enabled() and cast.requires_grad
        product = _Product.apply(cast, self, bias) if needs_gradient else _product(cast, self, bias)
        return product.to(inputs.dtype).clone()


class _Product(torch.autograd.Function):  # type: ignore[misc]  # torch is untyped here
    """A product that keeps nothing for its backward pass but the packed weights, which live anyway."""

    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, layer: FourBitLinear, bias: torch.Tensor | None) -> torch.Tensor:
        """Multiply. Shapes: inputs (..., K), bias (N,), result (..., N)."""
        ctx.layer = layer
        return _product(inputs, layer, bias)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """Dequantise again. Shapes: gradient (..., N), result (..., K)."""
        return torch.matmul(gradient, _dequantized(ctx.layer)), None, None


def quantized_network(model: Model, settings: Settings, tasks: int) -> nn.Module:
    """Build what a recipe of method qlora trains: adapters on frozen 4-bit layers.

    Embeddings, norms and heads stay in half precision, as loading leaves them; the exports do not call
    `prepare_model_for_kbit_training`, which would make them float32.

    Args:
        model: Config values of the network.
        settings: Precision (it decides the dtype that is computed in) and LoRA sizes.
        tasks: Number of heads of an encoder.

    Returns:
        The network, on the device of the surrounding `with torch.device(...)`; meta is meant.

    Raises:
        UnsupportedError: No LoRA rank or alpha is given, or the attention kernel cannot be built.
    """
    network = build_network(model, settings, tasks=tasks)
    dtype = base_dtype(settings.precision, "qlora")
    for parameter in network.parameters():
        parameter.data = parameter.data.to(dtype)
    _quantize(network.encoder if isinstance(network, MultiTaskEncoder) else network, dtype)
    network = add_lora(network, settings)
    for layer in network.modules():
        if isinstance(layer, LoraLayer):
            # peft's layer for `Linear4bit` leaves the cast of its input to autocast; that for `nn.Linear` would not.
            layer.cast_input_dtype_enabled = False
    return network


def _quantize(network: nn.Module, compute_dtype: torch.dtype) -> None:
    """Replace the linear layers but for the heads.

    transformers leaves the language-model head out by itself. A classifier has to be named in
    `llm_int8_skip_modules`, else it is quantised too and cannot be trained (huggingface/peft#1720).
    """
    heads = (network.get_output_embeddings(), getattr(network, "classifier", None))
    for name, module in list(network.named_modules()):
        if any(module is head for head in heads):
            continue
        if isinstance(module, Conv1D):
            num_inputs, num_outputs = module.weight.shape
        elif type(module) is nn.Linear:
            num_outputs, num_inputs = module.weight.shape
        else:
            continue
        network.set_submodule(name, FourBitLinear(num_inputs, num_outputs, module.bias, compute_dtype))


def _product(inputs: torch.Tensor, layer: FourBitLinear, bias: torch.Tensor | None) -> torch.Tensor:
    scales = torch.empty_like(layer.absmax, dtype=torch.float32)
    scales_with_offset = scales + layer.offset
    weight = torch.empty(layer.out_features, layer.in_features, dtype=inputs.dtype, device=inputs.device)
    product = functional.linear(inputs, weight, bias)
    del weight, scales_with_offset, scales
    return product


def _dequantized(layer: FourBitLinear) -> torch.Tensor:
    scales = torch.empty_like(layer.absmax, dtype=torch.float32)
    scales += layer.offset
    return torch.empty(layer.out_features, layer.in_features, dtype=layer.compute_dtype, device=layer.weight.device)


def _ceil_div(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
