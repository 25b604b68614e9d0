"""DDP's buckets as torch itself assigns them, and what they do to a step."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import distributed as dist

from checkout import ROOT
from recipe_kb.memory.ddp import (
    BROADCAST_BYTES,
    BUCKET_BYTES,
    FIRST_BUCKET_BYTES,
    assigned,
    broadcast_bytes,
    first_buckets,
    with_ddp,
)
from recipe_kb.memory.device import Device
from recipe_kb.memory.layout import ROOT as ROOT_GROUP
from recipe_kb.memory.layout import Layout, Parameter, unpack_layout
from recipe_kb.memory.replay import replay
from recipe_kb.memory.schedule import Plan, schedule
from recipe_kb.memory.stored import unpack
from recipe_kb.store.store import Store
from recipe_kb.units import MIB

GPU = Device(sm_count=40, max_threads_per_sm=1024, workspace_bytes=8_519_680)
STORE = Store(ROOT / "kb")
MODEL = "all-minilm-l6-v2"
CELL = "full/fp32/sdpa/plain"
DTYPES = {4: torch.float32, 2: torch.bfloat16, 8: torch.int64}


def stored(model=MODEL, cell=CELL):
    layout = unpack_layout(STORE.layouts(model)["layouts"][cell.split("/")[0]])
    return unpack(STORE.memory(model)["steps"][cell]), layout


def run_of(shaped, rows=4, length=128, accumulation=1):
    step = shaped.at(rows, length)
    return schedule([step], Plan(loop="trainer", accumulation=accumulation, evaluation_batches=2), GPU, step)


@given(
    tensors=st.lists(st.tuples(st.integers(1, 3 * MIB), st.sampled_from([4, 2, 8])), min_size=1, max_size=40),
    limits=st.sampled_from([[FIRST_BUCKET_BYTES, 3 * MIB], [2 * MIB], [FIRST_BUCKET_BYTES, 2 * MIB, 4 * MIB]]),
)
def test_tensors_go_into_the_buckets_that_torch_chooses(tensors, limits):
    sizes = [(max(1, size // element) * element, element) for size, element in tensors]
    real = [torch.empty(size // element, dtype=DTYPES[element], device="meta") for size, element in sizes]
    expected, _ = dist._compute_bucket_assignment_by_size(real, limits, [False] * len(real))
    assert assigned(sizes, limits) == expected


def test_buckets_hold_all_gradients():
    _, layout = stored()
    whole = sum(one.num_bytes for one in layout.trained)
    for finds_unused in (True, False):
        buckets = first_buckets(layout, finds_unused=finds_unused)
        assert sum(buckets) == whole
    assert len(first_buckets(layout, finds_unused=False)) == 1


def test_a_bucket_is_closed_once_it_is_full():
    third = Parameter(group=ROOT_GROUP, rows=BUCKET_BYTES // 12, inner=1, element_bytes=4, is_trained=True)
    layout = Layout(parameters=(third,) * 7, buffers=())
    size = third.num_bytes  # a little less than a third of the limit, so that the fourth fills a bucket
    assert size > FIRST_BUCKET_BYTES
    assert first_buckets(layout, finds_unused=True) == [2 * size, 4 * size, size]


def test_weights_are_sent_in_parts_and_a_single_tensor_as_it_is():
    large = Parameter(group=ROOT_GROUP, rows=BROADCAST_BYTES // 4, inner=1, element_bytes=4, is_trained=True)
    small = replace(large, rows=128)
    layout = Layout(parameters=(large, small, small), buffers=((4096, 8),))
    assert broadcast_bytes(layout) == [0, 1024, 0]


@pytest.mark.parametrize("finds_unused", [True, False])
@pytest.mark.parametrize("accumulation", [1, 3])
def test_a_step_needs_more_by_the_buckets_at_least(finds_unused, accumulation):
    shaped, layout = stored()
    alone, shared = (
        replay(run_of(one, accumulation=accumulation))
        for one in (shaped, with_ddp(shaped, layout, finds_unused=finds_unused))
    )
    whole = sum(one.num_bytes for one in layout.trained)
    assert shared.allocated_bytes >= alone.allocated_bytes + whole
    assert shared.reserved_bytes >= alone.reserved_bytes


def test_buckets_are_made_anew_once():
    shaped, layout = stored()
    run = run_of(with_ddp(shaped, layout, finds_unused=False))
    kept, made = set(), []
    for event in run.events:
        block = event if event >= 0 else ~event
        if run.categories[block] != "exchange":
            continue
        if event >= 0:
            kept.add(block)
            made.append(run.num_bytes[block])
        else:
            kept.remove(block)
    whole = sum(one.num_bytes for one in layout.trained)
    assert sum(run.num_bytes[block] for block in kept) == whole
    assert len(kept) > 1
    assert made.count(whole) == 2  # the copy to start from, and the only bucket of the first step


def test_the_logits_are_cloned_where_unused_parameters_are_looked_for():
    shaped, layout = stored()
    logits = {
        finds_unused: sum(
            category == "logits" for category in run_of(with_ddp(shaped, layout, finds_unused=finds_unused)).categories
        )
        for finds_unused in (True, False)
    }
    assert logits[True] == logits[False] + 3  # one in each of three steps
