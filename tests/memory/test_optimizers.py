"""What each optimizer keeps and what an update takes on top, byte for byte."""

import pytest
import torch
from tiny_jobs import bare_job
from torch import nn

from recipe_kb.tracing.optimizers import HOST_SCALARS, make_optimizer
from recipe_kb.tracing.trace import trace


class Table(nn.Module):
    """An embedding of 1000 x 100, a matrix of 100 x 100, one of 100 x 40 and a bias of 40."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(1000, 100)
        self.wide = nn.Linear(100, 100, bias=False)
        self.narrow = nn.Linear(100, 40)

    def forward(self, ids):
        return {"loss": self.narrow(self.wide(self.words(ids))).sum()}


WORDS, WIDE, NARROW, BIAS = 1000 * 100, 100 * 100, 100 * 40, 40
ALL = WORDS + WIDE + NARROW + BIAS


def update_of(name, clip=0.0):
    job = bare_job(
        Table,
        lambda rows, length: {"ids": torch.zeros(rows, length, dtype=torch.long)},
        optimizer=lambda network: make_optimizer(network, name),
        host_scalars=name in HOST_SCALARS,
        max_grad_norm=clip,
    )
    return trace(job, rows=2, length=4, evaluation_rows=0)


def kept(step):
    """Sizes that the first update leaves, in order, without storages of nothing."""
    events = step.parts["first_update"]
    freed = {~event for event in events if event < 0}
    sizes = [step.num_bytes[event] for event in events if event >= 0 and event not in freed]
    return [size for size in sizes if size]


def most_at_once(step):
    """Most bytes that a later update takes on top."""
    now = most = 0
    for event in step.parts["update"]:
        now += step.num_bytes[event] if event >= 0 else -step.num_bytes[~event]
        most = max(most, now)
    assert now == 0
    return most


def test_adamw_keeps_two_moments_and_takes_one_copy():
    step = update_of("adamw_torch")
    assert sorted(kept(step)) == sorted([4 * size for size in (WORDS, WIDE, NARROW, BIAS)] * 2)
    assert most_at_once(step) == 4 * ALL  # foreach makes the square roots of all second moments at once


def test_fused_adamw_counts_its_steps_on_the_gpu_and_takes_nothing():
    step = update_of("adamw_torch_fused")
    assert sorted(kept(step)) == sorted([4 * size for size in (WORDS, WIDE, NARROW, BIAS)] * 2 + [4] * 4)
    assert most_at_once(step) <= 4 * 4


def test_sgd_keeps_nothing():
    step = update_of("sgd")
    assert kept(step) == []
    assert most_at_once(step) == 0


def test_adafactor_keeps_rows_and_columns():
    step = update_of("adafactor")
    factored = [(1000, 100), (100, 100), (40, 100)]  # parameters of a linear layer are (out, in)
    expected = [4 * size for shape in factored for size in shape] + [4 * BIAS]  # a vector keeps its second moment
    assert sorted(kept(step)) == sorted(expected)


def blocks(size):
    return 4 * -(-size // 256)


@pytest.mark.parametrize("name", ["adamw_bnb_8bit", "paged_adamw_8bit"])
def test_8bit_adamw(name):
    step = update_of(name)
    maps = [4 * 256] * 2  # one pair for all
    moments = [WIDE] * 2  # a byte each ...
    scales = [blocks(WIDE)] * 2  # ... and a float per 256
    small = [4 * NARROW] * 2 + [4 * BIAS] * 2  # fewer than 4096 elements stay in float32
    # An embedding stays in float32 too; from 100,000 elements on a paged optimizer keeps moments off the GPU.
    embedding = [] if name == "paged_adamw_8bit" else [4 * WORDS] * 2
    assert sorted(kept(step)) == sorted(maps + moments + scales + small + embedding)
    assert most_at_once(step) == 0


def test_a_paged_optimizer_keeps_the_scales_of_large_matrices_on_the_gpu():
    """bitsandbytes pages the moments only (`get_state_buffer`), not `absmax`."""

    class Large(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(400, 400, bias=False)

        def forward(self, x):
            return {"loss": self.layer(x).sum()}

    job = bare_job(
        Large,
        lambda rows, length: {"x": torch.empty(rows, 400)},
        optimizer=lambda network: make_optimizer(network, "paged_adamw_8bit"),
    )
    step = trace(job, rows=2, length=1, evaluation_rows=0)
    assert sorted(kept(step)) == sorted([4 * 256] * 2 + [blocks(400 * 400)] * 2)


def test_clipping_takes_a_norm_per_parameter():
    plain, clipped = update_of("sgd"), update_of("sgd", clip=1.0)
    assert plain.parts["update"] == ()
    sizes = [clipped.num_bytes[event] for event in clipped.parts["update"] if event >= 0]
    assert sizes.count(4) >= 4
    assert max(sizes) <= 4 * 4  # the norms stacked; gradients are scaled in place
    assert {~event for event in clipped.parts["update"] if event < 0} == {
        event for event in clipped.parts["update"] if event >= 0
    }
