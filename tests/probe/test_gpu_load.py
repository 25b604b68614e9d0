"""Summaries of readings: nothing is made up, and every gap has a reason."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.probe.gpu_load import AVERAGED_S, WHY_AVERAGED, Watched, summarise
from recipe_kb.probe.nvml_reading import GpuProcess, Reading
from recipe_kb.schema.evidence import GpuLoad

CHILD_PID = 50
VALUES = ("kernel_time_share", "power_w", "sm_clock_mhz", "temperature_c", "throttle_reasons", "device_used_bytes")
processes = st.builds(
    GpuProcess,
    pid=st.integers(40, 60),
    group=st.none() | st.just(CHILD_PID) | st.integers(40, 60),
    used_bytes=st.none() | st.integers(0, 2**40),
)


@st.composite
def readings(draw):
    failing = draw(st.sets(st.sampled_from((*VALUES, "processes"))))
    listed = draw(st.lists(processes, max_size=4, unique_by=lambda process: process.pid))
    values = {
        "kernel_time_share": draw(st.floats(0, 1)),
        "power_w": draw(st.floats(0, 1000)),
        "sm_clock_mhz": draw(st.floats(100, 3000)),
        "temperature_c": draw(st.floats(0, 110)),
        "throttle_reasons": draw(st.frozensets(st.sampled_from(["hw_thermal", "sw_power_cap"]))),
        "device_used_bytes": draw(st.integers(0, 2**40)),
        "processes": tuple(listed),
    }
    kept = {name: value for name, value in values.items() if name not in failing}
    return Reading(time_s=draw(st.floats(0, 10)), errors=dict.fromkeys(failing, "NVML: Not Supported"), **kept)


watched = st.builds(
    Watched,
    pids_before=st.frozensets(st.integers(40, 60)),
    used_bytes_before=st.none() | st.integers(0, 2**34),
    power_limit_w=st.none() | st.floats(1, 1000),
    errors=st.just({}),
)
in_order = st.lists(readings(), max_size=8).map(lambda found: sorted(found, key=lambda reading: reading.time_s))


@given(watched, in_order, st.floats(0, 10), st.floats(0, 10))
def test_every_gap_has_a_reason_and_nothing_else_has(before, found, since, until):
    load = summarise(before, found, since=since, until=until, own_pids={CHILD_PID})
    assert load.num_samples == sum(since <= reading.time_s <= until for reading in found)
    for name in GpuLoad.model_fields.keys() - {"not_measured", "num_failed", "throttle_reasons"}:
        assert (getattr(load, name) is None) == (name in load.not_measured), name
    assert all(load.not_measured.values())


@given(watched, in_order)
def test_figures_lie_within_the_readings(before, found):
    load = summarise(before, found, since=0, until=10, own_pids={CHILD_PID})
    chosen = [reading for reading in found if reading.time_s >= AVERAGED_S]
    if load.kernel_time_share is not None:
        shares = [reading.kernel_time_share for reading in chosen]
        assert min(shares) - 1e-9 <= load.kernel_time_share <= max(shares) + 1e-9
    if load.power_w_max is not None:
        assert load.power_w_max == max(reading.power_w for reading in chosen)
        assert load.power_w_mean <= load.power_w_max or math.isclose(load.power_w_mean, load.power_w_max)
    if load.device_used_bytes is not None:
        assert load.device_used_bytes == max(reading.device_used_bytes for reading in found)
    assert set(load.throttle_reasons) <= set().union(*(reading.throttle_reasons or () for reading in found))


@given(watched, in_order)
def test_our_own_processes_are_never_others(before, found):
    load = summarise(before, found, since=0, until=10, own_pids={CHILD_PID})
    strangers = [
        sum(CHILD_PID not in {process.pid, process.group} for process in reading.processes or ()) for reading in found
    ]
    hidden = not any(reading.processes for reading in found)
    if load.num_other_processes is not None and not hidden:
        assert load.num_other_processes <= max(strangers, default=0)


def reading(time_s, **values):
    rest = dict.fromkeys(VALUES, 0.0) | {"throttle_reasons": frozenset(), "device_used_bytes": 0, "processes": ()}
    return Reading(time_s=time_s, errors={}, **rest | values)


def test_the_first_second_of_an_average_is_of_the_time_before():
    found = [reading(time_s, kernel_time_share=share) for time_s, share in ((5.0, 0.0), (5.9, 0.1), (6.1, 0.9))]
    assert summarise(Watched(), found, since=5, until=7, own_pids={1}).kernel_time_share == 0.9
    short = summarise(Watched(), found, since=5, until=6, own_pids={1})
    assert short.kernel_time_share is None
    assert short.not_measured["kernel_time_share"] == WHY_AVERAGED


def test_the_process_is_known_from_before_the_stretch_that_is_summarised():
    ours, other = (GpuProcess(pid=pid, group=None, used_bytes=pid) for pid in (9, 4))
    found = [reading(1, processes=(ours,)), reading(3, processes=(other, ours)), reading(4, processes=(other, ours))]
    load = summarise(Watched(), found, since=2, until=5, own_pids={1})
    assert (load.process_used_bytes, load.num_other_processes) == (9, 1)


@pytest.mark.parametrize("used_bytes", [0, 2**27, None])
def test_a_little_memory_in_use_is_no_process(used_bytes):
    found = [reading(1, processes=())]
    load = summarise(Watched(used_bytes_before=used_bytes), found, since=0, until=5, own_pids={1})
    assert load.num_other_processes is None


@pytest.mark.parametrize(("num_failed", "kept"), [(0, True), (5, True), (6, False)])
def test_a_few_failed_readings_are_left_out_and_counted(num_failed, kept):
    broken = {"processes": None, "errors": {"processes": "NVML: Insufficient Size"}}
    found = [reading(number / 100, processes=(GpuProcess(pid=1, group=1, used_bytes=7),)) for number in range(100)]
    found[:num_failed] = [replace(one, **broken) for one in found[:num_failed]]
    load = summarise(Watched(), found, since=0, until=5, own_pids={1})
    assert (load.process_used_bytes, load.num_other_processes) == ((7, 0) if kept else (None, None))
    names = {"process_used_bytes", "num_other_processes"}
    assert load.num_failed == (dict.fromkeys(names, num_failed) if kept and num_failed else {})
    assert load.not_measured.keys() & names == (set() if kept else names)


def test_ranks_of_other_cards_are_no_strangers():
    listed = tuple(GpuProcess(pid=pid, group=pid, used_bytes=pid) for pid in (50, 51, 99))
    load = summarise(Watched(), [reading(1, processes=listed)], since=0, until=5, own_pids={40, 50, 51})
    assert (load.num_other_processes, load.process_used_bytes) == (1, 101)
