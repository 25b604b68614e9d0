"""The signs of the guides: what was not measured gives no reading, and each threshold has its own verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout import ROOT
from recipe_kb.resolve.check import check
from recipe_kb.resolve.signs import METRICS, odd_bounds, place_of, signs_of
from recipe_kb.schema.base import Text
from recipe_kb.schema.evidence import GpuLoad
from recipe_kb.schema.signs import Sign
from recipe_kb.store.store import Store
from recorded import measured

GIB = 2**30
SIGNS = Store(ROOT / "kb").signs()
TEXT = Text(en="so", vi="vậy")
BOUNDS = st.none() | st.floats(-1e6, 1e6)


def load(**values):
    return GpuLoad(num_samples=10, interval_s=0.1, **values)


def sign(**values):
    record = {"id": "one", "metric": "memory_share", "within": TEXT, "claims": ("000-01",), "reason": TEXT}
    return Sign(**record | {"verdict": "unverified"} | values)


def read(figures=None, gpu_load=None, limit_bytes=None, gpu_id=None):
    return {found.sign.id: found for found in signs_of(SIGNS, figures, gpu_load, limit_bytes, gpu_id=gpu_id)}


def test_every_claim_of_the_checkout_exists_and_every_metric_is_taken(store):
    claims = {claim.id for claim in store.claims()}
    assert len(SIGNS) == len({one.id for one in SIGNS}) >= 10
    for one in SIGNS:
        assert set(one.claims) <= claims
        assert not odd_bounds(one)
        assert one.gpu is None or one.gpu in store.gpu_ids()
    assert {one.metric for one in SIGNS} == set(METRICS)


def test_a_threshold_is_worth_no_more_than_the_worst_of_its_claims(store):
    worst_first = ("contradicted", "inconsistent", "unverified", "consistent")
    for one in SIGNS:
        verdicts = {store.claim(claim).verdict for claim in one.claims}
        assert one.verdict == next(verdict for verdict in worst_first if verdict in verdicts)


def test_a_busy_gpu_is_a_good_sign_that_nobody_confirmed():
    found = read(gpu_load=load(kernel_time_share=0.97))
    assert set(found) == {"busy-from-90", "busy-from-95"}
    assert found["busy-from-95"].place == "within"
    assert found["busy-from-95"].verdict == "unverified"
    assert read(gpu_load=load(kernel_time_share=0.6))["busy-from-90"].place == "below"


@pytest.mark.parametrize(("reserved_gib", "place"), [(5, "below"), (8.5, "within"), (9.7, "above")])
def test_memory_is_held_against_what_the_allocator_may_reserve(reserved_gib, place):
    found = read(measured(peak_reserved_bytes=int(reserved_gib * GIB)), None, 10 * GIB)
    assert found["memory-70-to-95"].place == place
    assert found["memory-70-to-95"].value == pytest.approx(reserved_gib / 10)


def test_what_means_something_on_one_card_alone_is_read_there_alone():
    figures, gpu_load = measured(step_time_s_median=0.75, samples_per_s=64.0), load(device_used_bytes=7 * GIB)
    on_3070 = read(figures, gpu_load, 8 * GIB, "rtx-3070")
    assert on_3070["speed-1.2-to-1.5"].value == pytest.approx(4 / 3)
    assert {name: on_3070[name].place for name in ("speed-from-1", "speed-58-to-72", "memory-6.5-to-7")} == {
        "speed-from-1": "within",
        "speed-58-to-72": "within",
        "memory-6.5-to-7": "within",
    }
    assert on_3070["memory-7.5-to-7.9"].place == "below"
    for other in ("t4", None):
        assert set(read(figures, gpu_load, 8 * GIB, other)) == {"memory-70-to-95", "memory-80-to-90"}


def test_what_was_not_measured_gives_no_reading():
    assert read() == {}
    assert read(measured(peak_reserved_bytes=None, device_used_bytes=None), load(), 10 * GIB) == {}
    assert read(measured(), None, None) == {}
    assert read(measured(step_time_s_median=None, samples_per_s=None), None, None, "rtx-3070").keys() == {
        "memory-6.5-to-7",
        "memory-7.5-to-7.9",
    }


def test_the_highest_of_many_readings_wins_over_the_one_at_the_end():
    figures = measured(device_used_bytes=6 * GIB)
    assert read(figures, load(device_used_bytes=7 * GIB), None, "rtx-3070")["memory-6.5-to-7"].value == 7
    assert read(figures, load(), None, "rtx-3070")["memory-6.5-to-7"].value == 6


@given(low=BOUNDS, high=BOUNDS, value=st.floats(-1e7, 1e7))
def test_a_value_has_one_place(low, high, value):
    one = sign(low=low, high=high)
    place = place_of(one, value)
    if not odd_bounds(one):
        assert (place == "below") == (low is not None and value < low)
        assert (place == "above") == (high is not None and value > high)
    if low is not None and low == high:
        assert place_of(one, low) == "within"


@pytest.mark.parametrize(
    ("values", "odd"),
    [
        ({}, True),
        ({"low": 0.9, "high": 0.8}, True),
        ({"low": 0.9, "above": TEXT}, True),
        ({"high": 0.9, "below": TEXT}, True),
        ({"low": 0.9, "below": TEXT}, False),
        ({"low": 0.8, "high": 0.8, "below": TEXT, "above": TEXT}, False),
    ],
)
def test_odd_bounds(values, odd):
    assert odd_bounds(sign(**values)) == odd


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("claims: [004-31]", "claims: [004-99]", "KB106", "'004-99' is referred to but does not exist"),
        ("gpu: rtx-3070", "gpu: rtx-3069", "KB106", "'rtx-3069' is referred to"),
        ("low: 0.92", "low: 0.98", "KB113", "busy-92-to-97 needs a threshold"),
        ("metric: kernel_time_share", "metric: busyness", "KB105", "metric must be one of"),
    ],
)
def test_what_is_wrong_with_the_file_is_found(small_kb, old, new, code, words):
    path = small_kb / "signs.yaml"
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), encoding="utf-8")
    found = [one for one in check(Store(small_kb))[0] if "signs.yaml" in str(one.where)]
    assert [one.code for one in found] == [code]
    assert words in found[0].what
