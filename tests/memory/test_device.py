"""Buffers that a GPU sizes, against figures worked out by hand from the sources of PyTorch."""

import pytest

from recipe_kb.memory.device import Device, column_sum_bytes, decided_bytes, embedding_gradient_bytes

GPUS = {
    "t4": Device(sm_count=40, max_threads_per_sm=1024, workspace_bytes=8_519_680),
    "rtx-3060": Device(sm_count=28, max_threads_per_sm=1536, workspace_bytes=8_519_680),
    "rtx-3090": Device(sm_count=82, max_threads_per_sm=1536, workspace_bytes=8_519_680),
    "a100": Device(sm_count=108, max_threads_per_sm=2048, workspace_bytes=8_519_680),
    "h100": Device(sm_count=132, max_threads_per_sm=2048, workspace_bytes=33_554_432),
}
# Rows and columns of a bias gradient to mebibytes on each of the GPUs above, rounded to whole ones. The kernel has
# 32 x 4 threads, each with 4 columns; 16 values per thread or more, and at most as many blocks as are resident.
TABLE = {
    (1024, 768): (6, 6, 6, 6, 6),
    (1024, 1024): (8, 8, 8, 8, 8),
    (1024, 3072): (21, 21, 24, 24, 24),
    (1024, 4096): (20, 22, 32, 32, 32),
    (2048, 768): (12, 12, 12, 12, 12),
    (2048, 1024): (16, 16, 16, 16, 16),
    (2048, 3072): (21, 21, 48, 48, 48),
    (2048, 4096): (20, 22, 62, 64, 64),
    (8192, 768): (20, 21, 48, 48, 48),
    (8192, 1024): (20, 21, 62, 64, 64),
    (8192, 3072): (21, 21, 62, 108, 132),
    (8192, 4096): (20, 22, 62, 108, 132),
    (32768, 768): (20, 21, 62, 108, 132),
    (32768, 1024): (20, 21, 62, 108, 132),
    (32768, 3072): (48, 48, 62, 108, 132),
    (32768, 4096): (64, 64, 64, 108, 132),
}


@pytest.mark.parametrize(("rows", "columns"), TABLE)
def test_the_buffer_of_a_bias_gradient(rows, columns):
    sizes = tuple(column_sum_bytes(rows, columns, gpu) / 2**20 for gpu in GPUS.values())
    assert tuple(round(size) for size in sizes) == TABLE[rows, columns]


def test_a_bias_gradient_by_hand():
    # 1024 rows x 768 columns on a T4: threads 32 x 4, so 256 values each; 768 / 4 / 32 = 6 blocks side by side;
    # 40 x 1024 / 128 = 320 fit at once, wanted ceil(320 / 6) = 54 groups, but 256 / 16 = 16 is all there is to share.
    # Bytes: 4 x 768 columns x 16 groups x 32 threads x 4 columns each.
    assert column_sum_bytes(1024, 768, GPUS["t4"]) == 4 * 768 * 16 * 32 * 4
    # 32768 rows: 8192 values each, 8192 / 16 = 512 > 54, and 8192 / 256 = 32 < 54.
    assert column_sum_bytes(32768, 768, GPUS["t4"]) == 4 * 768 * 54 * 32 * 4


@pytest.mark.parametrize(("rows", "columns"), [(512, 768), (512, 4096), (1, 768), (1000, 9), (1020, 1024)])
def test_few_rows_take_no_buffer(rows, columns):
    assert [column_sum_bytes(rows, columns, gpu) for gpu in GPUS.values()] == [0] * len(GPUS)


def test_a_vocabulary_is_too_wide_to_split_on_a_small_gpu():
    sizes = {name: column_sum_bytes(8192, 30522, gpu) for name, gpu in GPUS.items()}
    assert sizes["t4"] == sizes["rtx-3060"] == 0
    assert sizes["a100"] > 0


@pytest.mark.parametrize(
    ("indices", "table_rows", "columns", "mebibytes"),
    [
        (2048, 30522, 768, 0),
        (3072, 30522, 768, 0),
        (4096, 30522, 768, 13.2),
        (8192, 30522, 768, 26.4),
        (32768, 30522, 768, 99),
        (32768, 2, 768, 9.6),
    ],
)
def test_the_gradient_of_an_embedding(indices, table_rows, columns, mebibytes):
    size = embedding_gradient_bytes(indices, table_rows, columns)
    sorting = 2 * 8 * indices if size else 0  # the indices, sorted, and where they were
    assert (size - sorting) / 2**20 == pytest.approx(mebibytes, abs=0.06 if mebibytes < 90 else 0.5)


def test_the_gradient_of_an_embedding_by_hand():
    # 3073 indices of 10 rows: 307 + 10 partial rows of 4 floats, and two lists of the indices.
    assert embedding_gradient_bytes(3073, 10, 4) == 4 * 4 * (307 + 10) + 2 * 8 * 3073


def test_a_buffer_is_sized_by_its_kind():
    gpu = GPUS["h100"]
    assert decided_bytes(("matmul",), 0, gpu) == 33_554_432
    assert decided_bytes(("column_sum", 768), 8192, gpu) == column_sum_bytes(8192, 768, gpu) > 0
    assert decided_bytes(("embedding", 100, 8), 4000, gpu) == embedding_gradient_bytes(4000, 100, 8) > 0
