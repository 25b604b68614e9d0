"""A step under FSDP: shares sum to the whole and fall with the number of GPUs, and nothing is left behind."""

from collections import Counter
from itertools import pairwise

import pytest
from test_ddp import run_of, stored

from recipe_kb.memory.additions import Additions
from recipe_kb.memory.fsdp import with_fsdp
from recipe_kb.memory.fsdp_groups import GATHER_STREAM, REDUCE_STREAM
from recipe_kb.memory.layers import LayersError, find_layers
from recipe_kb.memory.layout import FIRST_LAYER, Layout, Parameter, pack_layout, unpack_layout
from recipe_kb.memory.replay import replay

CELLS = ("full/fp32/sdpa/plain", "full/bf16/sdpa/checkpointing", "lora/bf16/sdpa/plain")
COUNTS = (2, 4, 8)


def bytes_of(cell):
    return 4 if "fp32" in cell else 2


def persistent_bytes(run):
    """What lives before the last step begins: shares and optimizer state."""
    start = [position for position, part in run.starts if part == "forward"][-1]
    events = run.events[:start]
    alive = {event for event in events if event >= 0} - {~event for event in events if event < 0}
    return sum(run.num_bytes[block] for block in alive if run.categories[block] in {"weights", "optimizer"})


@pytest.mark.parametrize("cell", CELLS)
def test_what_a_gpu_keeps_falls_with_their_number_and_all_keep_the_whole(cell):
    shaped, layout = stored(cell=cell)
    whole = persistent_bytes(run_of(shaped))
    kept = [
        persistent_bytes(run_of(with_fsdp(shaped, layout, num_gpus=count, compute_bytes=bytes_of(cell))))
        for count in COUNTS
    ]
    assert kept == sorted(kept, reverse=True)
    assert len(set(kept)) == len(kept)
    for count, share in zip(COUNTS, kept, strict=True):
        assert whole <= count * share <= 1.2 * whole + count * 65_536  # padding, and buffers that all keep


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("accumulation", [1, 3])
def test_a_run_frees_what_it_gathers_and_sums(cell, accumulation):
    shaped, layout = stored(cell=cell)
    run = run_of(with_fsdp(shaped, layout, num_gpus=4, compute_bytes=bytes_of(cell)), accumulation=accumulation)
    alive = set()
    for event in run.events:
        if event >= 0:
            assert event not in alive
            alive.add(event)
        else:
            alive.remove(~event)
    assert not any(run.categories[block] in {"exchange", "gradients", "logits"} for block in alive)


def test_gradients_stay_whole_until_the_last_micro_batch():
    shaped, layout = stored()
    step = with_fsdp(shaped, layout, num_gpus=4, compute_bytes=4)
    alone, accumulated = (replay(run_of(step, accumulation=count)) for count in (1, 3))
    whole = sum(one.num_bytes for one in layout.trained)
    assert accumulated.allocated_bytes > alone.allocated_bytes
    assert accumulated.parts.get("gradients", 0) + accumulated.parts.get("exchange", 0) > whole / 4


def test_buffers_of_other_streams_keep_to_themselves():
    shaped, layout = stored()
    run = run_of(with_fsdp(shaped, layout, num_gpus=2, compute_bytes=4))
    assert set(run.streams.values()) == {GATHER_STREAM, REDUCE_STREAM}
    mixed = run_of(with_fsdp(shaped, layout, num_gpus=2, compute_bytes=4))
    mixed.streams.clear()
    assert replay(run).allocated_bytes == pytest.approx(replay(mixed).allocated_bytes, rel=0.02)
    assert replay(run).reserved_bytes > replay(mixed).reserved_bytes


def test_layers_are_found_where_they_repeat():
    shaped, layout = stored()
    layers = find_layers(shaped.step, Additions(shaped), layout)
    begins = layers.forward[:-1]
    lengths = {later - earlier for earlier, later in pairwise(begins)}
    assert len(begins) == layout.num_layers
    assert len(lengths) == 1
    groups = Counter(parameter.group for parameter in layers.owner.values())
    assert {groups[FIRST_LAYER + number] for number in range(layout.num_layers)} == {16}


def test_gradients_out_of_order_are_no_layers():
    shaped, layout = stored()
    other = Layout(parameters=(*layout.parameters, Parameter(FIRST_LAYER, 3, 7, 4, is_trained=True)), buffers=())
    with pytest.raises(LayersError):
        with_fsdp(shaped, other, num_gpus=2, compute_bytes=4)


def test_layouts_are_packed_without_loss():
    _, layout = stored()
    assert unpack_layout(pack_layout(layout)) == layout


def test_every_rank_pads_to_the_first_share():
    parameter = Parameter(group=FIRST_LAYER, rows=10, inner=3, element_bytes=4, is_trained=True)
    assert [parameter.shard_elements(count) for count in (1, 2, 3, 4, 8, 16)] == [30, 15, 12, 9, 6, 3]
