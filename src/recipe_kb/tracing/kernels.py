"""What CUDA's kernels do that a fake run on the CPU does not show: temporary buffers, and answers that need data.

Source:
    Read in the sources of PyTorch 2.13 (aten/src/ATen/native); none of it was measured on a GPU yet.
"""

from collections.abc import Iterator
from typing import Any

import torch

from recipe_kb.memory.device import Decided

aten = torch.ops.aten

MATMULS = frozenset({aten.mm.default, aten.addmm.default, aten.bmm.default, aten.baddbmm.default})
"""Operations that go to cuBLAS."""

Buffer = tuple[int, Decided | None]
"""Bytes, or where the GPU decides them the count that it decides by."""

_FLOAT = 4
_EFFICIENT_TILE = 64
_EFFICIENT_HEADER = 16
_FLASH_ROWS = 128
_FLASH_COLUMNS = 32


def answer_without_data(func: Any, args: Any) -> tuple[Any] | None:
    """Answer for an operation that looks at values, which fake tensors do not have.

    The worst case for memory: there is padding, and every element is nonzero.

    Returns:
        The answer in a tuple, or None where the operation can run.
    """
    if func is aten._local_scalar_dense.default:
        known = getattr(args[0], "constant", None)  # of a scalar that Python made, a fake tensor keeps the value
        if known is not None:
            return (known.item(),)
        return (False,) if args[0].dtype == torch.bool else (1,)
    if func in (aten.is_nonzero.default, aten.equal.default):
        return (False,)
    if func is aten.nonzero.default:
        return (torch.empty(args[0].numel(), max(args[0].dim(), 1), dtype=torch.long),)
    return None


def temporary_buffers(func: Any, args: Any) -> Iterator[tuple[Buffer, ...]]:
    """Yield what a kernel takes from the caching allocator and returns before it ends.

    Args:
        func: The operation; of a sum, one over leading dimensions.
        args: Its arguments.

    Yields:
        Buffers that live at the same time.
    """
    if func is aten.sum.dim_IntList:
        yield from _column_sum(args[0], args[1])
    elif func is aten.embedding_dense_backward.default:
        gradient, indices, table_rows = args[:3]
        yield ((indices.numel(), ("embedding", table_rows, gradient.shape[-1])),)
    elif func is aten._scaled_dot_product_efficient_attention_backward.default:
        yield from _efficient_backward(args[1])
    elif func is aten._scaled_dot_product_flash_attention_backward.default:
        yield _flash_backward(args[1], args[2])


def _column_sum(tensor: torch.Tensor, dims: list[int]) -> Iterator[tuple[Buffer, ...]]:
    # Only a sum of all rows to one is large; one over the batch alone has too few of them.
    summed = sorted(dim % tensor.dim() for dim in dims)
    if not summed or summed != list(range(tensor.dim() - 1)):
        return
    columns = tensor.shape[-1]
    if columns > 1 and tensor.is_floating_point() and tensor.is_contiguous():
        yield ((tensor.numel() // columns, ("column_sum", columns)),)


def _efficient_backward(query: torch.Tensor) -> Iterator[tuple[Buffer, ...]]:
    """Shapes: query (B, heads, L, head_dim). Source: transformers/cuda/attention_backward.cu, kernel_backward.h."""
    rows, heads, length, head_dim = query.shape
    delta = _FLOAT * rows * heads * length
    if query.dtype == torch.float32:
        yield (_FLOAT * query.numel(), None), (delta, None)
    tiles = -(-length // _EFFICIENT_TILE) * -(-head_dim // _EFFICIENT_TILE)
    yield (delta, None), (rows * heads * tiles * (_EFFICIENT_HEADER + _FLOAT * _EFFICIENT_TILE**2), None)


def _flash_backward(query: torch.Tensor, key: torch.Tensor) -> tuple[Buffer, ...]:
    """Shapes: (B, heads, L, head_dim). Source: transformers/cuda/flash_attn/flash_api.cpp, `mha_bwd`."""
    rows, heads, length, head_dim = query.shape
    rounded = -(-length // _FLASH_ROWS) * _FLASH_ROWS
    columns = -(-head_dim // _FLASH_COLUMNS) * _FLASH_COLUMNS
    buffers: list[Buffer] = [(_FLOAT * rows * heads * rounded, None), (_FLOAT * rows * heads * rounded * columns, None)]
    if key.shape[1] != heads:
        expanded = rows * heads * key.shape[2] * head_dim * key.element_size()
        buffers += [(expanded, None), (expanded, None)]
    return tuple(buffers)
