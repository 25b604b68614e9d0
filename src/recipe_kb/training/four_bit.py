"""Frozen linear layers in 4 bits, through bitsandbytes: nf4 with double quantisation, as exported recipes ask for.

transformers quantises while it loads a checkpoint; random weights are quantised here by the same layer, when they move
to the GPU.
"""

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

QUANT_TYPE = "nf4"


def quantize(network: nn.Module, compute_dtype: torch.dtype) -> None:
    """Replace the linear layers of a network but for its heads, in place.

    Args:
        network: A transformers model in half precision, on the CPU; nothing is packed before it is moved.
        compute_dtype: What weights are dequantised to and products are computed in.
    """
    # transformers leaves the language-model head out by itself; a 4-bit classifier could not be trained.
    heads = (network.get_output_embeddings(), getattr(network, "classifier", None))
    for name, layer in list(network.named_modules()):
        if not any(layer is head for head in heads) and (isinstance(layer, Conv1D) or type(layer) is nn.Linear):
            network.set_submodule(name, _four_bit(layer, compute_dtype))
    network.is_loaded_in_4bit = True  # peft asks for it before it looks at the layers


def _four_bit(layer: nn.Module, compute_dtype: torch.dtype) -> nn.Module:
    from bitsandbytes.nn import Linear4bit, Params4bit  # not before: most recipes do without it

    # GPT-2 stores (in, out).
    weight = layer.weight.data.t().contiguous() if isinstance(layer, Conv1D) else layer.weight.data
    num_outputs, num_inputs = weight.shape
    with torch.device("meta"):  # its own weights are thrown away
        made = Linear4bit(
            num_inputs,
            num_outputs,
            bias=False,
            compute_dtype=compute_dtype,
            compress_statistics=True,
            quant_type=QUANT_TYPE,
        )
    made.weight = Params4bit(weight, requires_grad=False, compress_statistics=True, quant_type=QUANT_TYPE, module=made)
    made.bias = layer.bias
    return made
