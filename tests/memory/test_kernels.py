"""What kernels take and give back, and answers for operations that look at data."""

import pytest
import torch
from tiny_jobs import live
from torch._subclasses.fake_tensor import FakeTensorMode

from recipe_kb.tracing.kernels import answer_without_data, temporary_buffers
from recipe_kb.tracing.tracker import StorageTracker

aten = torch.ops.aten


def buffers(func, *args):
    return list(temporary_buffers(func, args))


def meta(*shape, dtype=torch.float32):
    return torch.empty(*shape, dtype=dtype, device="meta")


def test_a_sum_of_all_rows_is_a_sum_of_columns():
    assert buffers(aten.sum.dim_IntList, meta(32, 768), [0]) == [((32, ("column_sum", 768)),)]
    assert buffers(aten.sum.dim_IntList, meta(4, 8, 768), [0, 1]) == [((32, ("column_sum", 768)),)]


@pytest.mark.parametrize(
    ("tensor", "dims"),
    [
        (meta(32, 768), [1]),  # along the rows
        (meta(32, 768), [-1]),
        (meta(32, 768), [0, 1]),  # to a scalar
        (meta(32, 1), [0]),
        (meta(4, 8, 768), [0]),  # over the batch alone: too few to be split
        (meta(32, 768, dtype=torch.long), [0]),
        (meta(768, 32).t(), [0]),  # its columns lie in a row
        (meta(1, 768).expand(32, 768), [0]),
    ],
)
def test_other_sums_take_no_buffer(tensor, dims):
    assert buffers(aten.sum.dim_IntList, tensor, dims) == []


def test_an_embedding_is_decided_by_the_number_of_its_indices():
    gradient, indices = meta(4, 8, 64), meta(4, 8, dtype=torch.long)
    assert buffers(aten.embedding_dense_backward.default, gradient, indices, 2000, 0, False) == [
        ((32, ("embedding", 2000, 64)),)
    ]


def test_the_efficient_kernel_backwards():
    # 2 rows, 3 heads, 100 tokens = 2 tiles of 64, head of 64 = 1 tile: 16 bytes and 64 x 64 floats each.
    delta, workspace = 4 * 2 * 3 * 100, 2 * 3 * 2 * (16 + 4 * 64 * 64)
    func = aten._scaled_dot_product_efficient_attention_backward.default
    assert buffers(func, None, meta(2, 3, 100, 64, dtype=torch.float16)) == [((delta, None), (workspace, None))]
    product = 4 * 2 * 3 * 100 * 64
    assert buffers(func, None, meta(2, 3, 100, 64)) == [
        ((product, None), (delta, None)),
        ((delta, None), (workspace, None)),
    ]


def test_the_flash_kernel_backwards():
    # 100 tokens are rounded to 128, a head of 40 to 64; keys of one head are summed from four.
    func = aten._scaled_dot_product_flash_attention_backward.default
    query, key = meta(2, 4, 100, 40, dtype=torch.bfloat16), meta(2, 1, 100, 40, dtype=torch.bfloat16)
    sums, accumulated, expanded = 4 * 2 * 4 * 128, 4 * 2 * 4 * 128 * 64, 2 * 2 * 4 * 100 * 40
    assert buffers(func, None, query, query) == [((sums, None), (accumulated, None))]
    assert buffers(func, None, query, key) == [((sums, None), (accumulated, None), (expanded, None), (expanded, None))]


def test_other_operations_take_nothing():
    assert buffers(aten.mm.default, meta(4, 4), meta(4, 4)) == []


def test_answers_for_operations_that_look_at_data():
    assert answer_without_data(aten._local_scalar_dense.default, (meta((), dtype=torch.bool),)) == (False,)
    assert answer_without_data(aten._local_scalar_dense.default, (meta((), dtype=torch.long),)) == (1,)
    assert answer_without_data(aten.is_nonzero.default, (meta(1),)) == (False,)
    assert answer_without_data(aten.equal.default, (meta(4), meta(4))) == (False,)
    assert answer_without_data(aten.mm.default, (meta(4, 4), meta(4, 4))) is None


def test_a_fake_run_may_look_at_data():
    tracker = StorageTracker(-1)
    with FakeTensorMode(), tracker:
        mask = torch.ones(3, 5, dtype=torch.bool)
        assert not mask.all()  # the worst case: some row is padded
        assert mask.sum().item() == 1
        positions = mask.nonzero()
        assert positions.shape == (15, 2)
        assert torch.ones(()).nonzero().shape == (1, 1)
        sizes = [tracker.num_bytes[index] for index in live(tracker.events)]
    assert sorted(sizes) == [15, 15 * 2 * 8]  # the mask and its positions


def test_the_workspace_of_matrix_products_is_taken_once_per_thread():
    tracker = StorageTracker(-1)
    with FakeTensorMode(), tracker:
        weight = torch.empty(8, 8, requires_grad=True)
        (torch.empty(4, 8) @ weight @ weight).sum().backward()
    assert list(tracker.decided.values()).count(("matmul",)) == 2


def test_sums_of_gradients_are_taken_in_place():
    """As on real tensors: the second of two gradients is added into the first."""

    def made(uses):
        tracker = StorageTracker(-1)
        with FakeTensorMode(), tracker:
            x = torch.empty(1000, requires_grad=True)
            y = x.exp()  # keeps its result
            total = sum((y * factor).sum() for factor in range(1, uses + 1))
            start = len(tracker.events)
            total.backward()
            backward = [event for event in tracker.events[start:] if event >= 0]
        return sum(tracker.num_bytes[event] == 4000 for event in backward)

    assert made(3) == made(2) + 1  # one product more, and no sum
