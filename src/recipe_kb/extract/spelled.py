"""Names of GPUs and models in sentences: the longest at each place, however it is spaced and written."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recipe_kb.text import fold

Line = tuple[int, str]
"""Number in the file, and words."""
LINE_LENGTH = 600
_TOKEN = re.compile(r"[^\W_]+(?:[.\-/_][^\W_]+)*")
_LONGEST = 6
"""Words of the longest name: `NVIDIA GeForce RTX 2080 Ti 11GB`."""


@dataclass(frozen=True)
class Said:
    """What a line says.

    Attributes:
        value: An id or a number; a tuple of ids where a name is that of several cards.
        line: Where.
        words: The name, squashed.
    """

    value: Any
    line: int
    words: str = ""


def _squash(text: str) -> str:
    return "".join(char for char in text if char.isalnum() or char == ".")


class Spelled:
    """Squashed spelling -> id, and every beginning of one, so that a search ends where no name can follow."""

    def __init__(
        self, records: Iterable[tuple[str, Sequence[str]]], shared: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self._ids: dict[str, Any] = dict(shared or {})
        for record_id, spellings in records:
            for spelling in spellings:
                self._ids.setdefault(_squash(fold(spelling)), record_id)
        self._beginnings = {name[:length] for name in self._ids for length in range(1, len(name) + 1)}

    def is_general(self, words: str, others: set[str]) -> bool:
        """Say whether some words are a second name, and the beginning of another record's: `PhoBERT` of the v2."""
        own = self._ids[words]
        if isinstance(own, tuple):
            return bool(others & {*own})
        return words != _squash(fold(own)) and any(
            name.startswith(words) for name, record_id in self._ids.items() if record_id in others - {own}
        )

    def longest(self, words: Sequence[str], position: int) -> tuple[int, Any]:
        """Return how many words from a position on are the longest name, and whose it is."""
        joined = ""
        found: tuple[int, Any] = (0, None)
        for count, word in enumerate(words[position : position + _LONGEST], start=1):
            joined += word
            if joined not in self._beginnings:
                break
            if joined in self._ids:
                found = (count, self._ids[joined])
        return found


def search(lines: Sequence[Line], names: "Spelled") -> list[Said]:
    """Return every name in some lines, the longest at each place."""
    found = []
    for number, line in lines:
        words = [_squash(word) for word in _TOKEN.findall(fold(line[:LINE_LENGTH]))]
        position = 0
        while position < len(words):
            length, name = names.longest(words, position)
            if name is not None:
                found.append(Said(name, number, "".join(words[position : position + length])))
            position += max(1, length)
    named = {each.value for each in found}
    return [each for each in found if len(named) == 1 or not names.is_general(each.words, named)]


def only(found: Sequence[Said]) -> Said | bool | None:
    """Return what is named if it is one thing; False, which ends the search, where it is several."""
    if not found:
        return None
    return found[0] if len({each.value for each in found}) == 1 else False
