"""Folding of Vietnamese and nearest names: how typed words meet written ones."""

import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_I_OR_Y_ENDING = frozenset("hklmst")


def fold(text: str) -> str:
    """Lower the case and drop Vietnamese marks: `Tỷ lệ học` -> `ty le hoc`; đ becomes d."""
    decomposed = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def search_words(text: str) -> list[str]:
    """Split folded text into words in which `tỷ` and `tỉ`, `kỹ` and `kĩ` are the same word.

    Numbers keep their inner dots and minus signs, so `2e-5` and `qwen2.5-0.5b` stay findable.
    """
    kept = "".join(char if char.isalnum() or char in ".-" else " " for char in fold(text))
    stripped = (word.strip(".-") for word in kept.split())
    return [_same_i(word) for word in stripped if word]


def _same_i(word: str) -> str:
    """Spell the syllable ending `y` as `i` after h, k, l, m, s, t, where Vietnamese allows both."""
    if len(word) == 2 and word[1] == "y" and word[0] in _I_OR_Y_ENDING:  # noqa: PLR2004 - one consonant and y
        return word[0] + "i"
    return word


def squash(text: str) -> str:
    """Reduce a name to its folded letters and digits: `RTX 3070` and `rtx-3070` -> `rtx3070`."""
    return "".join(char for char in fold(text) if char.isalnum() or char == ".")


def nearest(typed: str, known: Iterable[str], limit: int = 3) -> Sequence[str]:
    """Return the known names most like what was typed, best first."""
    by_squashed: dict[str, str] = {}
    for name in known:
        by_squashed.setdefault(squash(name), name)
    wanted = squash(typed)
    longer = sorted(name for name in by_squashed if wanted and name.startswith(wanted))
    matches = dict.fromkeys([*longer, *get_close_matches(wanted, by_squashed, n=limit, cutoff=0.6)])
    return [by_squashed[match] for match in matches][:limit]
