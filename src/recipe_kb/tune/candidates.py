"""Which batches may be tried at all, and the largest of them that is predicted to leave the margin free."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recipe_kb.resolve.rules import keep_effective_batch

MOST_ROWS = 4096
"""Rows of a micro-batch at most; far below, a step has long been bound by arithmetic."""

ROW_MULTIPLE = 8
"""Between larger batches steps of so many rows: tensor cores work on tiles of eight."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A batch in rows and the micro-batches per optimizer step that go with it."""

    batch: int
    accumulation: int

    @property
    def effective_batch_size(self) -> int:
        """Samples per optimizer step on one device."""
        return self.batch * self.accumulation


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is known of a shape before it runs.

    Attributes:
        reserved_bytes: Predicted peak of the caching allocator.
        step_floor_s: Lower bound of an optimizer step, from the roofline; None where it is not known.
        most_samples_per_s: What that floor allows; None likewise.
    """

    reserved_bytes: int
    step_floor_s: float | None
    most_samples_per_s: float | None


Forecaster = Callable[[Shape], Forecast]


def shapes(effective: int, *, grows: bool) -> tuple[Shape, ...]:
    """Return what may be tried, the smallest batch first.

    Args:
        effective: Effective batch of the recipe, in samples.
        grows: Whether the effective batch may grow with the batch. If not, only its divisors keep it; if so, powers
            of two below eight and multiples of eight, accumulated until the recipe's effective batch is reached.
    """
    if not grows:
        return tuple(
            Shape(batch=batch, accumulation=steps)
            for batch in range(1, min(effective, MOST_ROWS) + 1)
            if (steps := keep_effective_batch(effective, batch))
        )
    batches = (1, 2, 4, *range(ROW_MULTIPLE, MOST_ROWS + 1, ROW_MULTIPLE))
    return tuple(Shape(batch=batch, accumulation=-(-effective // batch)) for batch in batches)


def largest_within(choices: Sequence[Shape], forecast: Forecaster, num_bytes: float) -> Shape | None:
    """Return the largest batch that is predicted to reserve no more; None if not even the smallest does.

    Args:
        choices: The smallest batch first.
        forecast: Predicts; memory is taken to grow with the batch.
        num_bytes: What may be reserved.
    """
    low, high = 0, len(choices)  # what is before low fits, high and what follows does not
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if forecast(choices[middle]).reserved_bytes <= num_bytes else (low, middle)
    return choices[low - 1] if low else None
