"""Replaying a run: the peak by hand, its parts, and what a limit changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.memory.replay import replay
from recipe_kb.memory.schedule import Run
from recipe_kb.memory.step import CATEGORIES
from recipe_kb.units import MIB


def run_of(*events, sizes, categories=None):
    return Run(events=list(events), num_bytes=list(sizes), categories=list(categories or ["activations"] * len(sizes)))


def test_a_peak_by_hand():
    # 12 MiB of weights, 30 of activations freed, 20 of gradients into the hole of 30: 42 MiB reserved.
    sizes = [12 * MIB, 30 * MIB, 20 * MIB]
    peak = replay(run_of(0, 1, ~1, 2, sizes=sizes, categories=["weights", "activations", "gradients"]))
    assert (peak.allocated_bytes, peak.reserved_bytes) == (42 * MIB, 42 * MIB)
    assert peak.parts == {"weights": 12 * MIB, "activations": 30 * MIB, "fragmentation": 0}
    assert (peak.num_alloc_retries, peak.out_of_memory) == (0, False)


def test_fragmentation_is_what_is_reserved_beyond_the_parts():
    # A hole of 12 MiB cannot serve 13: 25 MiB live, 26 + 12 are reserved.
    peak = replay(run_of(0, 1, ~0, 2, sizes=[12 * MIB, 12 * MIB, 13 * MIB]))
    assert peak.parts == {"activations": 25 * MIB, "fragmentation": 13 * MIB}
    assert peak.reserved_bytes == 38 * MIB


def test_a_limit_gives_cached_segments_back_before_it_fails():
    events, sizes = (0, ~0, 1), [30 * MIB, 40 * MIB]
    assert replay(run_of(*events, sizes=sizes)).reserved_bytes == 70 * MIB
    peak = replay(run_of(*events, sizes=sizes), limit_bytes=50 * MIB)
    assert (peak.reserved_bytes, peak.num_alloc_retries, peak.out_of_memory) == (40 * MIB, 1, False)


def test_out_of_memory_tells_what_lived_when_it_failed():
    sizes = [30 * MIB, 10 * MIB, 40 * MIB]
    peak = replay(run_of(0, 1, 2, sizes=sizes, categories=["weights", "inputs", "activations"]), limit_bytes=50 * MIB)
    assert peak.out_of_memory
    assert peak.reserved_bytes == 40 * MIB
    assert peak.parts == {"weights": 30 * MIB, "inputs": 10 * MIB, "fragmentation": 0}


@st.composite
def runs(draw):
    sizes = draw(st.lists(st.integers(0, 50 * MIB), min_size=1, max_size=20))
    events, live = [], []
    for index in range(len(sizes)):
        events.append(index)
        live.append(index)
        freed = draw(st.integers(0, len(live)))
        events.extend(~live.pop(draw(st.integers(0, len(live) - 1))) for _ in range(freed))
    categories = [draw(st.sampled_from(CATEGORIES)) for _ in sizes]
    return Run(events=events, num_bytes=sizes, categories=categories)


@given(runs(), st.sampled_from([None, 10 * MIB, 60 * MIB, 200 * MIB]))
def test_the_parts_sum_to_what_is_reserved(run, limit):
    peak = replay(run, limit)
    assert sum(peak.parts.values()) == peak.reserved_bytes
    assert min(peak.parts.values()) >= 0
    assert peak.allocated_bytes <= peak.reserved_bytes
    assert limit is None or peak.reserved_bytes <= limit


@pytest.mark.parametrize("size", [1, 512, 513])
def test_parts_are_counted_in_blocks(size):
    assert replay(run_of(0, sizes=[size])).parts["activations"] == -(-size // 512) * 512
