"""What a difference of one setting does to one thing, and both sides as effects need them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from recipe_kb.resolve.rules import linear_sgd, sqrt_adam

On = Literal["memory", "effective_batch", "learning_rate", "speed"]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a difference does to one thing.

    Attributes:
        on: To what.
        text: In the active language.
        reference: `rule:ID`, `remedy:ID`, `gpu:ID` or `source:ID` of what it follows from.
        predicted: It is expected by the rule and was not measured; arithmetic is not.
    """

    on: On
    text: str
    reference: str
    predicted: bool = True


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Both sides, as effects need them.

    Attributes:
        first: Settings of A.
        second: Settings of B.
        defaults: What transformers takes where a side says nothing.
        effective: Effective batch of both, where known.
        gpu: Id of the card, where known.
    """

    first: Mapping[str, Any]
    second: Mapping[str, Any]
    defaults: Mapping[str, Any]
    effective: tuple[int | None, int | None]
    gpu: str | None

    def value(self, side: Literal["first", "second"], name: str) -> Any:
        """Return what a side takes for a setting."""
        found = getattr(self, side).get(name)
        return self.defaults.get(name) if found is None else found


class Difference(Protocol):
    """One difference: a setting and its two values."""

    @property
    def setting(self) -> str:
        """Its name."""

    @property
    def a(self) -> Any:
        """Value in A."""

    @property
    def b(self) -> Any:
        """Value in B."""


def rate_that_goes_with(moved: Moved) -> tuple[float, str] | None:
    """Return A's learning rate moved to B's effective batch, and the rule; None where something is not known."""
    rate, (before, after) = moved.value("first", "learning_rate"), moved.effective
    if not isinstance(rate, int | float) or before is None or after is None:
        return None
    sgd = moved.value("second", "optim") == "sgd"
    scaled = (linear_sgd if sgd else sqrt_adam)(rate, before, after)
    return scaled, "linear-sgd" if sgd else "sqrt-adam"
