"""Bytes -> text and back: the encodings that occur in the wild, told apart without a mark too."""

import codecs
from dataclasses import dataclass

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_BINARY_SHARE = 0.02
"""Text has no control characters but line breaks, tabs and an escape or two of a terminal."""
_ODD = frozenset(map(chr, range(32))) - set("\t\n\r\f\x1b\b")


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A text and how it was written as bytes.

    Attributes:
        text: Without the mark of a byte order.
        codec: As Python calls it.
        mark: The bytes before the text that say its encoding; mostly none.
        shown: What people call the encoding; empty for UTF-8.
    """

    text: str
    codec: str = "utf-8"
    mark: bytes = b""
    shown: str = ""

    def back(self, text: str) -> bytes | None:
        """Return another text written in the same way; None where the encoding cannot hold it."""
        try:
            return self.mark + text.encode(self.codec)
        except UnicodeEncodeError:
            return None


def read_text(content: bytes, name: str) -> Encoded:
    """Decode bytes.

    Args:
        content: Of a file.
        name: As the user named it.

    Raises:
        BadInputError: It is no text (KB431).
    """
    for mark, codec in _MARKS.items():
        if content.startswith(mark):
            try:
                text = content[len(mark) :].decode(codec)
            except UnicodeDecodeError:
                raise BadInputError(_binary(name)) from None
            shown = "" if codec == "utf-8" else codec[:6].upper()
            return Encoded(text=text, codec=codec, mark=mark, shown=shown)
    sample = content[:4096]
    if _looks_like_utf_16(sample) and len(content) % 2 == 0:
        codec = "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
        try:
            text = content.decode(codec)
        except UnicodeDecodeError:
            raise BadInputError(_binary(name)) from None
        if not _is_binary(text[:4096]):
            return Encoded(text=text, codec=codec, shown=codec.upper())
    found = _without_mark(content)
    if 0 in sample or _is_binary(found.text[:4096]):
        raise BadInputError(_binary(name))
    return found


def _looks_like_utf_16(sample: bytes) -> bool:
    """Say whether every other byte is zero and those between are mostly ASCII."""
    halves = sorted((sample[::2], sample[1::2]), key=lambda half: half.count(0))
    letters = sum(0x09 <= byte < 0x7F for byte in halves[0])  # noqa: PLR2004 - tab to tilde
    return len(sample) > 1 and halves[1].count(0) * 10 > len(halves[1]) * 7 and letters * 10 > len(halves[0]) * 7


def _without_mark(content: bytes) -> Encoded:
    try:
        return Encoded(text=content.decode("utf-8"))
    except UnicodeDecodeError:
        import ftfy

        _guessed, codec = ftfy.guess_bytes(content)
        shown = _legacy(content, codec)
        codec = {"Mac Roman": "mac-roman", "Windows-1252": "sloppy-windows-1252"}.get(shown, codec)
        return Encoded(text=content.decode(codec), codec=codec, shown=shown)


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
