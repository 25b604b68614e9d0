"""Replaying only large blocks behind a first one gives what replaying all of them gives."""

from hypothesis import given, settings
from hypothesis import strategies as st

from recipe_kb.memory.disturbed import _FIRST_BLOCKS, disturbed, replay_anyway, reserved_bytes
from recipe_kb.memory.replay import replay
from recipe_kb.memory.schedule import Run
from recipe_kb.units import MIB

sizes = st.one_of(st.integers(1, MIB), st.integers(MIB + 1, 40 * MIB), st.sampled_from([MIB, 10 * MIB, 20 * MIB]))


@st.composite
def runs(draw):
    """Any blocks, each freed at some later point or never."""
    num_bytes = draw(st.lists(sizes, min_size=1, max_size=40))
    order = []
    for block in range(len(num_bytes)):
        order.append((block + draw(st.floats(0, 30)), block))
        order.append((draw(st.floats(0, 80)) + order[-1][0] + 0.001, ~block))
    events = [event for _, event in sorted(order)]
    events = events[: draw(st.integers(1, len(events)))]
    return Run(events=events, num_bytes=num_bytes, categories=["activations"] * len(num_bytes), starts=[])


def behind(run, first):
    block = len(run.num_bytes)
    return Run(
        events=[block, *run.events],
        num_bytes=[*run.num_bytes, first],
        categories=[*run.categories, "workspace"],
        starts=[],
    )


@settings(max_examples=200, deadline=None)
@given(run=runs(), spare=st.integers(-60, 60))
def test_disturbed_runs_are_replayed_exactly(run, spare):
    limit = max(2 * MIB, replay(run).reserved_bytes + spare * MIB)
    peak = replay_anyway(run, limit)
    expected = [
        replay_anyway(behind(run, first), limit).reserved_bytes
        if peak.reserved_bytes <= limit
        else replay(behind(run, first)).reserved_bytes
        for first in _FIRST_BLOCKS
    ]
    assert disturbed(run, peak, limit) == expected


def test_a_run_that_does_not_fit_is_replayed_on_a_larger_gpu():
    run = Run(events=[0, 1], num_bytes=[30 * MIB, 30 * MIB], categories=["weights"] * 2, starts=[])
    assert replay_anyway(run, 40 * MIB).reserved_bytes == replay(run).reserved_bytes == 60 * MIB
    assert replay(run, 40 * MIB).out_of_memory


@settings(max_examples=100, deadline=None)
@given(run=runs())
def test_the_short_replay_reserves_what_the_full_one_does(run):
    assert reserved_bytes(run) == replay(run).reserved_bytes
