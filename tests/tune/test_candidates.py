"""What may be tried: divisors of the effective batch, or multiples of eight; and the largest of them that fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.tune.candidates import MOST_ROWS, Forecast, Shape, largest_within, shapes


@given(effective=st.integers(1, 6000))
def test_a_kept_effective_batch_is_kept_by_every_shape_and_no_divisor_is_missing(effective):
    found = shapes(effective, grows=False)
    assert {shape.effective_batch_size for shape in found} == {effective}
    divisors = [rows for rows in range(1, min(effective, MOST_ROWS) + 1) if effective % rows == 0]
    assert [shape.batch for shape in found] == divisors


@given(effective=st.integers(1, 6000))
def test_a_growing_effective_batch_never_falls_below_the_recipes_and_not_to_twice_of_it(effective):
    found = shapes(effective, grows=True)
    assert [shape.batch for shape in found[:6]] == [1, 2, 4, 8, 16, 24]
    assert all(shape.batch % 8 == 0 for shape in found[3:])
    assert found[-1].batch == MOST_ROWS
    for shape in found:
        assert effective <= shape.effective_batch_size < effective + shape.batch


def forecast(per_row, fixed=0):
    def of(shape):
        return Forecast(reserved_bytes=fixed + shape.batch * per_row, step_floor_s=None, most_samples_per_s=None)

    return of


@given(effective=st.integers(1, 512), grows=st.booleans(), per_row=st.integers(1, 999), room=st.integers(0, 10**6))
def test_the_largest_within_fits_and_the_next_one_does_not(effective, grows, per_row, room):
    choices = shapes(effective, grows=grows)
    found = largest_within(choices, forecast(per_row), room)
    fitting = [shape for shape in choices if shape.batch * per_row <= room]
    assert found == (fitting[-1] if fitting else None)


@pytest.mark.parametrize("choices", [(), (Shape(batch=1, accumulation=8),)])
def test_nothing_fits(choices):
    assert largest_within(choices, forecast(1, fixed=10), 10) is None


def test_few_predictions_are_asked_for():
    asked = []

    def counting(shape):
        asked.append(shape)
        return forecast(1)(shape)

    largest_within(shapes(32, grows=True), counting, 700)
    assert len(asked) <= 10
