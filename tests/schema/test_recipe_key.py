import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.schema.recipe import RecipeKey

names = st.from_regex(r"[a-z0-9][a-z0-9.\-]{0,12}", fullmatch=True)
keys = st.builds(
    lambda gpu, model, low, more, length, method, goal, num_gpus: RecipeKey(
        gpu=gpu, model=model, tasks=(low, low + more), max_length=length, method=method, goal=goal, num_gpus=num_gpus
    ),
    names,
    names,
    st.integers(1, 64),
    st.integers(0, 8),
    st.integers(1, 8192),
    st.sampled_from(["full", "lora", "qlora"]),
    st.sampled_from(["quality", "balanced", "speed"]),
    st.integers(1, 1024),
)


@given(keys)
def test_an_id_reads_back(key):
    assert RecipeKey.parse(str(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "t4",
        "t4/biobert",
        "t4/biobert/8-512-full",
        "t4/biobert/8t-512",
        "a/b/c/8t-512-full",
        "t4/b/t-5-full",
        "t4/b/8t-512-full-0x",
    ],
)
def test_what_is_no_id_is_none(text):
    assert RecipeKey.parse(text) is None


def test_the_number_of_gpus_comes_last_and_one_is_not_spelled_out():
    assert RecipeKey.parse("t4/biobert/8t-512-full-speed-2x").num_gpus == 2
    assert str(RecipeKey.parse("t4/biobert/8t-512-full-1x")) == "t4/biobert/8t-512-full"
    assert RecipeKey.parse("t4/biobert/8t-512-full-2x-speed") is None
