"""All shards together are every recipe once, on every machine alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.fleet.shard import Shard


@given(st.sets(st.text(min_size=1)), st.integers(1, 50))
def test_every_recipe_is_in_exactly_one_shard(recipe_ids, count):
    shards = [Shard(number, count) for number in range(1, count + 1)]
    held = [[recipe_id for recipe_id in recipe_ids if shard.holds(recipe_id)] for shard in shards]
    assert sorted(recipe_id for part in held for recipe_id in part) == sorted(recipe_ids)


def test_the_share_is_the_same_everywhere_and_for_ever():
    ids = [f"t4/biobert/{tasks}t-512-full" for tasks in range(1, 9)]
    assert [recipe_id[11:13] for recipe_id in ids if Shard(1, 2).holds(recipe_id)] == ["4t", "7t", "8t"]


def test_shards_are_of_about_one_size():
    ids = [f"t4/biobert/1t-{length}-full" for length in range(8000)]
    sizes = [sum(Shard(number, 8).holds(recipe_id) for recipe_id in ids) for number in range(1, 9)]
    assert sum(sizes) == 8000
    assert max(sizes) - min(sizes) < 200


@pytest.mark.parametrize(
    ("typed", "read"),
    [("1/1", Shard(1, 1)), (" 3/8 ", Shard(3, 8)), ("08/8", Shard(8, 8)), ("100000/999999", Shard(100000, 999999))],
)
def test_what_is_typed_is_read(typed, read):
    assert Shard.parse(typed) == read


@pytest.mark.parametrize(
    "typed", ["", "0/8", "9/8", "1/0", "1", "1/8/2", "a/b", "-1/8", "1.5/8", "٣/٨", "1/1000000000"]
)
def test_what_is_no_shard_is_none(typed):
    assert Shard.parse(typed) is None
