"""What a GPU decides about memory: buffers whose size depends on its processors, and the context of the process."""

from dataclasses import dataclass
from typing import Literal

Decided = tuple[Literal["matmul"]] | tuple[Literal["column_sum"], int] | tuple[Literal["embedding"], int, int]
"""A buffer that the GPU sizes: cuBLAS' workspace; a sum over M rows of N columns (`N`); the gradient of an embedding
table (`rows of the table, columns`)."""

_VECTOR = 4
_THREADS = 512
_WARP = 32
_SERIAL = 256
_VALUES_PER_THREAD = 16
_FLOAT = 4
_INDEX = 8
_SMALL_EMBEDDING = 3072
_ROWS_PER_THREAD = 10


@dataclass(frozen=True, kw_only=True)
class Device:
    """The numbers of a GPU that kernels size their buffers by.

    Attributes:
        sm_count: Streaming multiprocessors.
        max_threads_per_sm: Resident threads of one.
        workspace_bytes: cuBLAS' workspace, one per thread that multiplies.
    """

    sm_count: int
    max_threads_per_sm: int
    workspace_bytes: int


def decided_bytes(kind: Decided, count: int, device: Device) -> int:
    """Return the size of a buffer on a GPU.

    Args:
        kind: Which buffer, and the sizes of it that no batch changes.
        count: Rows summed, or indices looked up.
        device: The GPU.
    """
    if kind[0] == "matmul":
        return device.workspace_bytes
    if kind[0] == "column_sum":
        return column_sum_bytes(count, kind[1], device)
    return embedding_gradient_bytes(count, kind[1], kind[2])


def column_sum_bytes(rows: int, columns: int, device: Device) -> int:
    """Return the buffer of a sum over `rows` of a contiguous (rows, columns) tensor, as a bias gradient is.

    It holds partial sums in float32, and far more of them than there are: the count of outputs is multiplied by the
    block's width twice.

    Source:
        aten/src/ATen/native/cuda/Reduce.cuh, `setReduceConfig` and `ReduceConfig::global_memory_size`; the same in
        PyTorch 2.6, 2.11 and 2.13.
    """
    vector = _VECTOR
    while columns % vector:
        vector //= 2
    max_threads = _THREADS // vector
    dim_x = min(_last_power_of_2(columns // vector), max_threads)
    dim_y = min(_last_power_of_2(rows), max_threads)
    width = min(dim_x, _WARP)
    height = min(dim_y, max_threads // width)
    width = min(dim_x, max_threads // height)
    split = rows >= min(height * 16, _SERIAL)
    values = _ceil_div(rows, height) if split else rows
    grid = _ceil_div(columns // vector, width if split else width * height)
    target = device.sm_count * (device.max_threads_per_sm // (width * height))
    if not split or values < _SERIAL or grid > target:
        return 0
    groups = max(min(_ceil_div(target, grid), _ceil_div(values, _VALUES_PER_THREAD)), _ceil_div(values, _SERIAL))
    return 0 if groups == 1 else _FLOAT * columns * groups * width * vector


def embedding_gradient_bytes(indices: int, table_rows: int, columns: int) -> int:
    """Return the buffers with which the gradients of equal indices are summed; few indices take another kernel.

    Source:
        aten/src/ATen/native/cuda/Embedding.cu and EmbeddingBackwardKernel.cu, PyTorch 2.13.
    """
    if indices <= _SMALL_EMBEDDING:
        return 0
    segments = min(indices, table_rows)
    return 2 * _INDEX * indices + _FLOAT * columns * (indices // _ROWS_PER_THREAD + segments)


def _ceil_div(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def _last_power_of_2(number: int) -> int:
    return 1 << (max(number, 1).bit_length() - 1)
