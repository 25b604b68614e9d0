"""What `kb tune` has found: by measurement where there is a GPU, else by prediction alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from recipe_kb.tune.candidates import Forecast, Shape
from recipe_kb.tune.search import Search
from recipe_kb.tune.start import Start
from recipe_kb.tune.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Row:
    """A shape with what is known of it; `fits` says whether it is predicted to, `trial` is None if it was not tried."""

    shape: Shape
    forecast: Forecast
    fits: bool
    trial: Trial | None


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """An answer.

    Attributes:
        start: The recipe, and what is predicted of each shape.
        search: What was measured; None where nothing was.
        why_predicted: Why nothing was measured; None where something was.
        wall_s: Seconds of the search.
    """

    start: Start
    search: Search | None
    why_predicted: str | None
    wall_s: float

    @property
    def recommended(self) -> Shape | None:
        """The fastest safe shape that was measured, else the largest that is predicted to be safe; None for none."""
        if self.search is None:
            return self.start.predicted
        return self.search.best.shape if self.search.best else None

    @property
    def trials(self) -> Sequence[Trial]:
        """What was measured, in order."""
        return self.search.trials if self.search else ()

    def rows(self) -> list[Row]:
        """Return what is worth showing, the smallest batch first: halves of the largest, one too large, what was tried.

        Where the effective batch is kept, there are so few shapes that all are shown.
        """
        tried = {trial.shape: trial for trial in self.trials}
        start = self.start
        shown = set(tried) | (_halves(start) if start.grows else set(start.choices))
        usable = start.room.usable_bytes
        rows = []
        for shape in sorted(shown, key=lambda shape: shape.batch):
            forecast = start.forecast(shape)
            fits = forecast.reserved_bytes <= usable
            rows.append(Row(shape=shape, forecast=forecast, fits=fits, trial=tried.get(shape)))
        return rows


def _halves(start: Start) -> set[Shape]:
    """Return the largest shape that is predicted to fit, its halves, and the next larger one."""
    choices = start.choices
    position = choices.index(start.predicted) if start.predicted else -1
    found = set(choices[max(0, position) : position + 2])
    batch = choices[position].batch if position >= 0 else 0
    while batch > 1:
        batch //= 2
        found.add(next(shape for shape in reversed(choices) if shape.batch <= batch))
    return found
