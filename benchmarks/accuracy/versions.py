"""Which transformers version predicts a row: its own, or the nearest that the predictor can trace."""

import re
from importlib.metadata import version

OLDEST = (4, 51, 3)
"""Oldest release that runs with current torch and that the tracer was tried with."""
NEWEST_MAJOR = 5


def installed() -> str:
    """Return the version of transformers in this environment."""
    return version("transformers")


def numbers(text: str) -> tuple[int, ...] | None:
    """Return the first version in a text as integers, None if there is none: '~4.15-4.17' is (4, 15)."""
    match = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(map(int, match[0].split("."))) if match else None


def choose(stated: str, current: str) -> tuple[str, str | None]:
    """Choose the version to predict with.

    Args:
        stated: What the row says, which may be prose.
        current: The installed version.

    Returns:
        The version, and a note if it is not the one that was stated.
    """
    wanted = numbers(stated)
    if wanted is None:
        return current, f"transformers {stated or 'not stated'!r}: predicted with the installed {current}"
    if wanted[:2] < OLDEST[:2] or (len(wanted) > len(OLDEST[:2]) and wanted < OLDEST):
        oldest = ".".join(map(str, OLDEST))
        return (
            oldest,
            f"version mismatch: ran with transformers {stated}, predicted with {oldest}, the oldest supported",
        )
    if wanted[0] > NEWEST_MAJOR:
        return current, f"version mismatch: ran with transformers {stated}, predicted with the installed {current}"
    return ".".join(map(str, wanted)), None
