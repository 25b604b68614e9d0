"""Steps of every batch and length from a few traced ones: what is allocated is the same, only sizes differ.

Every size is a sum of terms c * B^i * L^j with c >= 0, B rows, L tokens, i at most 1, j at most 2.
Three traced steps cannot tell all of them apart, so a size takes the first powers of L that explain it, and what does
not depend on the rows does not depend on the length either, where it is added to something that does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from recipe_kb.memory.step import Step

Terms = tuple[int, int, int, int, int, int]
"""Coefficients of 1, L, L^2, B, B*L, B*L^2, in 64ths: attention kernels work on tiles of 64 tokens."""
DENOMINATOR = 64

_POWERS = ((0,), (1,), (2,), (0, 1), (1, 2), (0, 2))
"""Powers of L that one size may mix, the usual ones first."""


class ShapeError(ValueError):
    """Steps of different shapes do not allocate the same storages."""


@dataclass(frozen=True, kw_only=True)
class ShapedStep:
    """A step whose sizes are known for every batch from 2 rows on and every length.

    Attributes:
        step: The step, without sizes: `num_bytes` are numbers of entries of `terms`.
        terms: Distinct size formulas.
        flops: Of a forward and backward pass.
        evaluation_flops: Of an evaluation pass.
    """

    step: Step
    terms: tuple[Terms, ...]
    flops: Terms
    evaluation_flops: Terms

    def at(self, rows: int, length: int) -> Step:
        """Return the step of a micro-batch of `rows` rows of `length` tokens."""
        sizes = [value(terms, rows, length) for terms in self.terms]
        return replace(
            self.step,
            num_bytes=tuple(sizes[number] for number in self.step.num_bytes),
            flops=value(self.flops, rows, length),
            evaluation_flops=value(self.evaluation_flops, rows, length),
        )


def value(terms: Terms, rows: int, length: int) -> int:
    """Evaluate a size formula."""
    constant, linear, square, row, row_linear, row_square = terms
    of_length = constant + length * (linear + length * square)
    total = of_length + rows * (row + length * (row_linear + length * row_square))
    return -(-total // DENOMINATOR)


def shaped(traced: Mapping[tuple[int, int], Step]) -> ShapedStep:
    """Find the size formulas of a step.

    Args:
        traced: (rows, tokens) to the step traced there: at (a, x), (b, x) and (a, y), with a and b of at least 2.
            Without the third the step is known at that length only.

    Raises:
        ShapeError: The steps allocate different storages, or a size follows no formula.
    """
    points, steps = list(traced), list(traced.values())
    (rows, length), (more_rows, _), (_, more_length) = points[0], points[1], points[-1 if len(points) > 2 else 0]  # noqa: PLR2004
    base, wide, long = steps[0], steps[1], steps[-1 if len(points) > 2 else 0]  # noqa: PLR2004
    for other in (wide, long):
        if (other.parts, other.categories, other.gradients, other.decided) != (
            base.parts,
            base.categories,
            base.gradients,
            base.decided,
        ):
            raise ShapeError("steps of different shapes allocate different storages")

    def formula(sizes: tuple[int, ...]) -> Terms:
        small, wider, longer = sizes
        slope, rest = divmod(wider - small, more_rows - rows)
        if slope == 0:
            return (*_in_length((small, longer), (length, more_length)), 0, 0, 0)
        constant = small - slope * rows
        long_slope, long_rest = divmod(longer - constant, rows)
        if rest or long_rest or constant < 0 or slope < 0:
            raise ShapeError(f"{small} at {rows} rows, {wider} at {more_rows}: not linear in the rows")
        return (constant * DENOMINATOR, 0, 0, *_in_length((slope, long_slope), (length, more_length)))

    all_sizes = list(zip(base.num_bytes, wide.num_bytes, long.num_bytes, strict=True))
    distinct = {sizes: number for number, sizes in enumerate(dict.fromkeys(all_sizes))}
    return ShapedStep(
        step=replace(base, num_bytes=tuple(distinct[sizes] for sizes in all_sizes)),
        terms=tuple(formula(sizes) for sizes in distinct),
        flops=formula((base.flops, wide.flops, long.flops)),
        evaluation_flops=formula((base.evaluation_flops, wide.evaluation_flops, long.evaluation_flops)),
    )


def constant(step: Step) -> ShapedStep:
    """Return a step whose sizes no batch changes, as an optimizer's."""
    distinct = {size: number for number, size in enumerate(dict.fromkeys(step.num_bytes))}
    return ShapedStep(
        step=replace(step, num_bytes=tuple(distinct[size] for size in step.num_bytes)),
        terms=tuple((size * DENOMINATOR, 0, 0, 0, 0, 0) for size in distinct),
        flops=(step.flops * DENOMINATOR, 0, 0, 0, 0, 0),
        evaluation_flops=(step.evaluation_flops * DENOMINATOR, 0, 0, 0, 0, 0),
    )


def _in_length(values: tuple[int, int], lengths: tuple[int, int]) -> tuple[int, int, int]:
    """Find the powers of the length that explain two values."""
    low, high = (number * DENOMINATOR for number in values)
    a, b = lengths
    if a == b:
        return low, 0, 0
    for powers in _POWERS:
        found = [0, 0, 0]
        if len(powers) == 1:
            factor, rest = divmod(low, a ** powers[0])
            found[powers[0]] = factor
            if rest == 0 and factor * b ** powers[0] == high:
                return found[0], found[1], found[2]
            continue
        small, large = powers
        determinant = a**small * b**large - b**small * a**large
        one, rest_one = divmod(low * b**large - high * a**large, determinant)
        two, rest_two = divmod(a**small * high - b**small * low, determinant)
        # One token fewer than all, as where labels are shifted, and 2 L - 1 are the only ways to a negative term; else
        # L + L^2, as the operations of attention are, would pass for a line.
        if rest_one == rest_two == 0 and two > 0 and (one >= 0 or one == -two or two == -2 * one):
            found[small], found[large] = one, two
            return found[0], found[1], found[2]
    raise ShapeError(f"no powers of the length explain {low} at {a} and {high} at {b} tokens")
