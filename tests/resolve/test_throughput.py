"""A claimed throughput against the dense peak of its card."""

from dataclasses import replace

import pytest

from recipe_kb.resolve.throughput import throughput_of
from recipe_kb.schema.model import Model


def by_hand(model: Model, length: int) -> float:
    """Operations of one row: twice a multiply-add per weight and token, forward once and backward twice."""
    shape = model.shape
    weights = shape.num_layers * (4 * shape.hidden_size**2 + 2 * shape.hidden_size * shape.intermediate_size)
    attention = shape.num_layers * 2 * shape.hidden_size * length  # scores and their product with the values
    return 3 * 2 * length * (weights + attention)


@pytest.mark.parametrize(("claim_id", "rate"), [("002-05", 22), ("002-06", 45), ("002-07", 65), ("002-08", 80)])
def test_the_rates_of_the_t4_table_are_a_share_of_its_peak(store, claim_id, rate):
    found = throughput_of(store, store.claim(claim_id))
    assert found.samples_per_s == rate
    assert found.peak_tflops == 65
    expected = by_hand(store.model("biobert"), 512)
    # The kernel computes the scores again in the backward pass; the first layer needs no gradient of its input.
    assert found.flops_per_sample == pytest.approx(expected, rel=0.05)
    assert found.share_of_peak == pytest.approx(rate * expected / 65e12, rel=0.05)


def test_a_range_counts_with_its_upper_end_and_too_much_is_over_one(store):
    claim = store.claim("002-08")
    fast = throughput_of(store, replace(claim, numbers={"samples_per_s": [200, 400]}))
    assert fast.samples_per_s == 400
    assert fast.share_of_peak > 1


@pytest.mark.parametrize(
    "changes",
    [
        {"numbers": {}},
        {"numbers": {"sps": "fast"}},
        {"gpu": None},
        {"model": None},
        {"model": ("no-such-model",)},
        {"max_length": None},
        {"max_length": (256, 512)},
    ],
)
def test_what_a_claim_leaves_open_is_not_made_up(store, changes):
    claim = store.claim("002-08")
    if "numbers" not in changes:
        claim = replace(claim, context=replace(claim.context, **changes))
    else:
        claim = replace(claim, **changes)
    assert throughput_of(store, claim) is None
