from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.units import scientific


def test_learning_rates_are_written_as_people_type_them():
    assert [scientific(rate) for rate in (2e-5, 2.8e-5, 1e-4, 0.0005)] == ["2e-5", "2.8e-5", "1e-4", "5e-4"]


@given(st.floats(min_value=1e-9, max_value=0.9))
def test_what_is_written_reads_back(rate):
    assert abs(float(scientific(rate)) - rate) <= rate * 1e-9
