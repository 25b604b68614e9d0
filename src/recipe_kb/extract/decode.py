"""Bytes -> text: the encodings that occur in the wild, and text whose encoding was broken before."""

import codecs
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.extract.mojibake import repair
from recipe_kb.i18n import _, ngettext

MAX_BYTES = 2**19
"""Larger files are refused: no configuration that people write is near it, and reading one takes seconds."""
MAX_NOTEBOOK_BYTES = 2**25
"""Notebooks hold pictures; only their cells are read."""

MAX_LINES = 20_000

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_BINARY_SHARE = 0.02
"""Text has no control characters but line breaks, tabs and an escape or two of a terminal."""
_ODD = frozenset(map(chr, range(32))) - set("\t\n\r\f\x1b\b")


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
        content, how = _text(content, name)
        if how:
            what = _("is not UTF-8; it was read as {encoding}").format(encoding=how)
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


def _text(content: bytes, name: str) -> tuple[str, str]:
    """Decode bytes; say which encoding it took, empty for UTF-8."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            try:
                return content.decode(encoding), "" if encoding == "utf-8-sig" else encoding.upper()
            except UnicodeDecodeError:
                raise BadInputError(_binary(name)) from None
    sample = content[:4096]
    if _looks_like_utf_16(sample) and len(content) % 2 == 0:
        encoding = "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
        try:
            decoded = content.decode(encoding)
        except UnicodeDecodeError:
            raise BadInputError(_binary(name)) from None
        if not _is_binary(decoded[:4096]):
            return decoded, encoding.upper()
    decoded, how = _without_mark(content)
    if 0 in sample or _is_binary(decoded[:4096]):
        raise BadInputError(_binary(name))
    return decoded, how


def _looks_like_utf_16(sample: bytes) -> bool:
    """Say whether every other byte is zero and those between are mostly ASCII."""
    halves = sorted((sample[::2], sample[1::2]), key=lambda half: half.count(0))
    letters = sum(0x09 <= byte < 0x7F for byte in halves[0])  # noqa: PLR2004 - tab to tilde
    return len(sample) > 1 and halves[1].count(0) * 10 > len(halves[1]) * 7 and letters * 10 > len(halves[0]) * 7


def _without_mark(content: bytes) -> tuple[str, str]:
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError:
        import ftfy

        decoded, encoding = ftfy.guess_bytes(content)
        how = _legacy(content, encoding)
        return (content.decode("mac-roman") if how == "Mac Roman" else decoded), how


def _legacy(content: bytes, guessed: str) -> str:
    """Choose between Windows-1252 and Mac Roman, which ftfy tells apart by line ends only.

    Bytes that Windows-1252 leaves undefined decide, else the reading whose letters, quotes and dashes stand where they
    belong; Windows-1252 where both do, as it is the more common one.
    """
    if guessed not in {"sloppy-windows-1252", "macroman"}:
        return guessed.upper()
    high = [byte for byte in content if byte >= 0x80]  # noqa: PLR2004 - ASCII ends there
    undefined = sum(byte in b"\x81\x8d\x8f\x90\x9d" for byte in high)
    as_windows = content.decode("cp1252", errors="replace")
    as_mac = content.decode("mac-roman")
    better = _in_place(as_mac) > _in_place(as_windows) or undefined > 0
    return "Mac Roman" if guessed == "macroman" or better else "Windows-1252"


def _in_place(text: str) -> int:
    """Count what stands where writing puts it, less what does not: `don’t` and `café`, not `donìt` or `cafÈ`."""
    count = 0
    for before, char, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if char <= "\x7f":
            continue
        if char.isalpha():
            count += (before.isalpha() or after.isalpha()) if char.islower() else -before.islower()
        elif char in "“‘„":
            count += not before.isalnum() and after.isalnum()
        elif char in "”’…–—":
            count += not before.isspace() or after.isspace()
        else:
            count -= before.isalpha() and after.isalpha()
    return count


def _is_binary(sample: str) -> bool:
    return sum(char in _ODD or char == "\ufffd" for char in sample) > _BINARY_SHARE * len(sample)


def _binary(name: str) -> Problem:
    return Problem(code="KB431", what=_("is not text"), where=name)
