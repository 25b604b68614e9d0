"""A file -> its lines: not too large, in any encoding, and mended where its encoding was broken before."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.extract.encodings import read_text
from recipe_kb.extract.mojibake import repair
from recipe_kb.i18n import _, ngettext

MAX_BYTES = 2**19
"""Larger files are refused: no configuration that people write is near it, and reading one takes seconds."""
MAX_NOTEBOOK_BYTES = 2**25
"""Notebooks hold pictures; only their cells are read."""

MAX_LINES = 20_000


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A text and what had to be done to read it.

    Attributes:
        lines: Without their ends; LF, CR LF and CR all end one.
        raw: The same lines before a broken encoding was repaired.
        warnings: What was done.
    """

    lines: Sequence[str]
    raw: Sequence[str]
    warnings: tuple[Problem, ...]


def decode(content: bytes | str, name: str, limit: int = MAX_BYTES) -> Decoded:
    """Turn a file into lines.

    Args:
        content: The file, or text that was decoded already.
        name: As the user named it.
        limit: Bytes.

    Raises:
        BadInputError: It is too large (KB430) or no text (KB431).
    """
    if len(content) > limit:
        raise BadInputError(_too_large(len(content), limit, name))
    warnings: list[Problem] = []
    if isinstance(content, bytes):
        encoded = read_text(content, name)
        content = encoded.text
        if encoded.shown:
            what = _("is not UTF-8; it was read as {encoding}").format(encoding=encoded.shown)
            warnings.append(Problem(code="KB432", what=what, where=name))
    lines = content.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MAX_LINES and limit == MAX_BYTES:
        what = _("is too long for a configuration: {count} lines, at most {limit} are read")
        what = what.format(count=len(lines), limit=MAX_LINES)
        raise BadInputError(Problem(code="KB430", what=what, where=name))
    repaired, broken = repair(lines)
    if broken:
        first = min(broken)
        what = ngettext(
            "the encoding of {count} line was broken (UTF-8 once read as {encoding}); it was repaired here",
            "the encoding of {count} lines was broken (UTF-8 once read as {encoding}); it was repaired here",
            len(broken),
        ).format(count=len(broken), encoding=", ".join(sorted({*broken.values()})))
        warnings.append(Problem(code="KB433", what=what, where=f"{name}:{first}"))
    return Decoded(lines=repaired, raw=lines, warnings=tuple(warnings))


def read_bytes(path: Path, name: str, limit: int = MAX_BYTES) -> bytes:
    """Read a file that is not too large; of a larger one only as much as it takes to know.

    Raises:
        BadInputError: It cannot be read (KB434), or is too large (KB430).
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        what = _("cannot be read: {why}").format(why=error.strerror)
        raise BadInputError(Problem(code="KB434", what=what, where=name)) from error
    if len(content) > limit:
        raise BadInputError(_too_large(max(size, len(content)), limit, name))
    return content


def _too_large(size: int, limit: int, name: str) -> Problem:
    what = _("is too large for a configuration: {size} MB, at most {limit} MB are read")
    what = what.format(size=f"{size / 2**20:.1f}", limit=f"{limit / 2**20:g}")
    return Problem(code="KB430", what=what, where=name)
