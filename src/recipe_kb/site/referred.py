"""A value of the knowledge base as a page shows it: the words, and beside them the value and where it comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from recipe_kb.i18n import _, gib, language, number, percent
from recipe_kb.schema.base import Text
from recipe_kb.site.markup import as_text
from recipe_kb.units import MIB, scientific

_UNITS = {"_mib": MIB, "_bytes": 1, "_gb": 10**9}
"""Ending of a name -> bytes."""
_TINY = 1e-3
"""Smaller values are read more easily with an exponent: learning rates."""
_MILLION = 10**6


@dataclass(frozen=True, kw_only=True)
class Referred:
    """One value.

    Attributes:
        value: As the knowledge base has it.
        source: `kind:id#path`.
    """

    value: Any
    source: str

    def __str__(self) -> str:
        """Show it as it is read most easily."""
        return str(self.__html__())

    def __html__(self) -> Markup:
        """Show it in HTML as in Markdown."""
        return self.show("plain", plain(self.value))

    @property
    def num_bytes(self) -> float:
        """The value in bytes, by the ending of its name."""
        names = [part for part in self.source.partition("#")[2].split(".") if not part.isdecimal()]
        unit = next((size for ending, size in _UNITS.items() if names and names[-1].endswith(ending)), 1)
        return float(self.value) * unit

    def show(self, form: str, words: str) -> Markup:
        """Write words with the value behind them; `form` says how they were made of it."""
        return Markup('<data value="{}" data-src="{}" data-as="{}">{}</data>').format(
            as_text(as_typed(self.value)), as_text(self.source), form, as_text(words)
        )

    def code(self) -> Markup:
        """Write it as it is typed, to be copied."""
        return Markup("<code>{}</code>").format(self.show("code", as_typed(self.value)))


def plain(value: Any) -> str:
    """Write a value for reading in the active language."""
    if isinstance(value, Text):
        return value.get(language())
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return number(value, 0)
    if isinstance(value, float):
        if value and abs(value) < _TINY:
            return scientific(value)
        return number(value, _digits(value))
    return str(value)


def as_typed(value: Any) -> str:
    """Write a value as it is typed into a configuration: in every language the same."""
    if isinstance(value, Text):
        return value.get(language())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return scientific(value) if value and abs(value) < _TINY else f"{value:.10g}"
    return str(value)


def _digits(value: float) -> int:
    """Return how many decimals a value has, six at most."""
    return len(f"{value:.6f}".rstrip("0").partition(".")[2])


def _gib(referred: Referred, digits: int = 2) -> Markup:
    return referred.show(f"gib:{digits}", gib(referred.num_bytes) if digits == 2 else _in_gib(referred, digits))  # noqa: PLR2004


def _in_gib(referred: Referred, digits: int) -> str:
    return f"{number(referred.num_bytes / 2**30, digits)} GiB"


def _millions(referred: Referred, digits: int = 0) -> Markup:
    words = _("{count} million").format(count=number(referred.value / _MILLION, digits))
    return referred.show(f"millions:{digits}", words)


def _percent(referred: Referred, digits: int = 0) -> Markup:
    return referred.show(f"percent:{digits}", percent(referred.value, digits))


def _number(referred: Referred, digits: int = 0) -> Markup:
    return referred.show(f"number:{digits}", number(referred.value, digits))


def _scientific(referred: Referred) -> Markup:
    return referred.show("scientific", scientific(float(referred.value)))


FILTERS: dict[str, Callable[..., Markup]] = {
    "gib": _gib,
    "millions": _millions,
    "percent": _percent,
    "number": _number,
    "scientific": _scientific,
    "code": Referred.code,
}
"""How a guide can show a value: `{{ gpu('t4', 'memory.torch_total_mib.0') | gib }}`."""
