"""Size formulas: found from three steps, true for every other."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recipe_kb.memory.shape import ShapeError, constant, shaped
from recipe_kb.memory.step import Step
from recipe_kb.memory.stored import pack, unpack

POINTS = ((2, 128), (3, 128), (2, 256))
COUNTS = st.integers(0, 10**9)
POWERS = st.sampled_from([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)])
"""(power of the rows, power of the length) of a size."""


def step_of(sizes: tuple[int, ...], flops: int = 0) -> Step:
    """Make a step that allocates storages of these sizes, frees the odd ones, and keeps a matmul's workspace."""
    events = [event for index in range(len(sizes)) for event in ([index, ~index] if index % 2 else [index])]
    return Step(
        parts={"forward": tuple(events), "backward": (len(sizes),)},
        num_bytes=(*sizes, 0),
        decided={len(sizes): ("matmul",)},
        categories=("activations",) * len(sizes) + ("workspace",),
        gradients=((0, 0),),
        flops=flops,
        evaluation_flops=0,
    )


def sizes_at(terms: list[tuple[int, tuple[int, int]]], rows: int, length: int) -> tuple[int, ...]:
    """Evaluate coefficient x rows^i x length^j for each term."""
    return tuple(factor * rows**i * length**j for factor, (i, j) in terms)


@given(
    terms=st.lists(st.tuples(COUNTS, POWERS), min_size=1, max_size=8),
    rows=st.integers(1, 99),
    length=st.integers(1, 999),
)
def test_a_size_that_is_one_term_is_known_everywhere(
    terms: list[tuple[int, tuple[int, int]]], rows: int, length: int
) -> None:
    traced = {point: step_of(sizes_at(terms, *point)) for point in POINTS}
    assert shaped(traced).at(rows, length) == step_of(sizes_at(terms, rows, length))


@given(rows=st.integers(1, 99), length=st.integers(2, 999), width=st.integers(1, 4096))
def test_labels_padded_or_shifted_by_one_token_are_known_everywhere(rows: int, length: int, width: int) -> None:
    def sizes(batch: int, tokens: int) -> tuple[int, ...]:
        return (8 * batch * (tokens + 1) * width, 8 * batch * (tokens - 1) * width)

    traced = {point: step_of(sizes(*point)) for point in POINTS}
    assert shaped(traced).at(rows, length) == step_of(sizes(rows, length))


def test_a_tile_of_64_tokens_need_not_divide_evenly() -> None:
    def sizes(rows: int, tokens: int) -> tuple[int, ...]:
        return (rows * 7 * (tokens // 64) * 16_400,)  # 7 heads: 1793.75 bytes per token

    traced = {point: step_of(sizes(*point)) for point in POINTS}
    for rows, length in ((1, 64), (5, 320), (8, 1024)):
        assert shaped(traced).at(rows, length).num_bytes[0] == sizes(rows, length)[0]


def test_without_a_second_length_the_step_is_known_at_its_own() -> None:
    traced = {point: step_of((point[0] * 1000, 77), flops=point[0] * 3) for point in ((2, 100), (3, 100))}
    assert shaped(traced).at(9, 100) == step_of((9000, 77), flops=27)


def test_a_constant_step_is_the_same_at_every_shape() -> None:
    step = step_of((512, 1, 10**12))
    assert constant(step).at(1, 1) == constant(step).at(64, 4096) == step


def test_steps_that_allocate_other_storages_are_refused() -> None:
    traced = {POINTS[0]: step_of((1, 2)), POINTS[1]: step_of((1, 2)), POINTS[2]: step_of((1, 2, 3))}
    with pytest.raises(ShapeError, match="different storages"):
        shaped(traced)


@pytest.mark.parametrize("sizes", [(100, 150, 201), (100, 90, 100), (8, 12, 15)])
def test_a_size_that_follows_no_formula_is_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ShapeError):
        shaped({point: step_of((size,)) for point, size in zip(POINTS, sizes, strict=True)})


@given(terms=st.lists(st.tuples(COUNTS, POWERS), min_size=1, max_size=8))
def test_what_is_packed_unpacks_to_the_same(terms: list[tuple[int, tuple[int, int]]]) -> None:
    found = shaped({point: step_of(sizes_at(terms, *point)) for point in POINTS})
    assert unpack(pack(found)).at(5, 77) == found.at(5, 77)


@given(linear=st.integers(1, 10**9), square=st.integers(1, 10**9), rows=st.integers(2, 64), length=st.integers(1, 4096))
def test_operations_of_attention_do_not_pass_for_a_line(linear: int, square: int, rows: int, length: int) -> None:
    def flops(rows: int, length: int) -> int:
        return rows * (linear * length + square * length**2)

    assume(linear != 32_384 * square)  # then three traces cannot tell it from one token fewer than all
    traced = {point: step_of((512,), flops=flops(*point)) for point in POINTS}
    assert shaped(traced).at(rows, length).flops == flops(rows, length)
