"""The text of a value -> the value: numbers as people write them, percentages, switches."""

import re
from typing import Any

from recipe_kb.schema.spelling import ValueKind

TRUE, FALSE = (
    frozenset({"true", "yes", "on", "enabled", "có", "bật"}),
    frozenset({"false", "no", "off", "disabled", "không", "tắt"}),
)
NOTHING = frozenset({"", "none", "null", "~", "nil", "-", "n/a", "auto", "default", "..."})
"""Values that leave the decision to somebody else."""

_NUMBER = re.compile(
    r"(?P<sign>[-+]?)(?P<digits>\d[\d_]*(?:[.,]\d+)*\.?|\.\d+)"
    r"(?:[eE](?P<exponent>[-+]?\d+)|\s?[x×*·]\s?10\s?(?:\^|\*\*)?\s?\{?(?P<power>[-+−]?\d+|[⁻⁺]?[⁰¹²³⁴-⁹]+)\}?)?"
    r"(?P<unit>\s?%|[kKmM](?![\w]))?"
)
_SUPERSCRIPT = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹−", "-+0123456789-")
_PRODUCT = re.compile(r"[-+]?\d[\d.,_]*(?:\s*[x×*·]\s*\d[\d.,_]*)+\s*=\s*")
_MARKDOWN = re.compile(r"[*`~]+(?=\S)|(?<=\S)[*`~]+|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)")
_BEHIND = re.compile(r"\s*(?:←|<-|<=|→|->|—|–|\(|\[|,|;|#|//|!|✅|✓|✗|❌|⭐|$|\s)")
"""What may follow a number that is the value: an arrow, a bracket, a word after a space."""

_RANGE = re.compile(r"\s*(?:-|–|—|to|or|and|đến|hoặc|và|hay|/|,)\s+~?\d")
"""Several values are none: `16 or 32`."""

_MILLION = {"k": 1_000, "m": 1_000_000}


class Unclear(Exception):  # noqa: N818 - it is an answer, no failure
    """The text is no value of that kind."""


def read_value(text: str, kind: ValueKind) -> tuple[Any, int, int, str]:
    """Read a value of a kind at the start of a text.

    Args:
        text: Without the quotes of its language.
        kind: What the setting takes.

    Returns:
        The value, the first and the last column of it in the text, and what follows it.

    Raises:
        Unclear: There is none.
    """
    if kind == "text":
        return _words(text)
    if kind == "flag":
        return _flag(text)
    return _number(text, kind)


def _words(text: str) -> tuple[str, int, int, str]:
    stripped = text.strip()
    if stripped.lower() in NOTHING or not stripped:
        raise Unclear
    core, behind = stripped, ""
    for mark in (" ← ", " <- ", " → ", "  #", " ("):
        position = core.find(mark)
        if position > 0:
            core, behind = core[:position].rstrip(), core[position:].strip() + behind
    start = text.find(core)
    return core, start, start + len(core), behind


def _flag(text: str) -> tuple[bool, int, int, str]:
    match = re.match(r"\s*([\w]+)", text)
    word = match[1].lower() if match else ""
    if match and (word in TRUE or word in FALSE or word in {"0", "1"}):
        return word in TRUE or word == "1", match.start(1), match.end(1), text[match.end(1) :].strip()
    for mark, value in (("✅", True), ("✓", True), ("✔", True), ("❌", False), ("✗", False)):
        if text.strip().startswith(mark):
            return value, text.find(mark), text.find(mark) + len(mark), text.partition(mark)[2].strip()
    raise Unclear


def _number(text: str, kind: ValueKind) -> tuple[int | float, int, int, str]:
    offset = len(text) - len(text.lstrip(" ~≈="))
    product = _PRODUCT.match(text, offset)
    if product:
        offset = product.end()
    match = _NUMBER.match(text, offset)
    if not match or not _BEHIND.match(text, match.end()) or _RANGE.match(text, match.end()):
        raise Unclear
    value = _value(match, kind)
    if kind in {"count", "share"} and value < 0 and not (kind == "count" and value == -1):
        raise Unclear
    if kind == "share" and value >= 1 and (match["unit"] or "").strip() != "%":
        raise Unclear
    behind = text[match.end() :].strip()
    if kind == "count" and value != int(value):
        raise Unclear
    return (int(value) if kind == "count" else value), match.start(), match.end(), behind


def _value(match: re.Match[str], kind: ValueKind) -> int | float:
    digits = _decimal(match["digits"].replace("_", ""), kind)
    exponent = match["exponent"] or (match["power"] or "").translate(_SUPERSCRIPT)
    whole = "." not in digits and not exponent
    try:
        value: int | float = int(digits) if whole and len(digits) < 19 else float(f"{digits}e{exponent or 0}")  # noqa: PLR2004
    except (ValueError, OverflowError):
        raise Unclear from None
    unit = (match["unit"] or "").strip()
    if unit == "%":
        value = round(value / 100, 12)
    elif unit:
        value = value * _MILLION[unit.lower()]
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - not a number
        raise Unclear
    return -value if match["sign"] == "-" else value


def _decimal(digits: str, kind: ValueKind) -> str:
    """Tell thousands from decimals: `20,000` is a count, `0,06` a Vietnamese fraction."""
    if "," not in digits and digits.count(".") <= 1:
        grouped = re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", digits)
        return digits.replace(".", "") if kind == "count" and grouped else digits
    if re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+(\.\d+)?", digits) and (kind == "count" or digits.count(",") > 1):
        return digits.replace(",", "")
    if re.fullmatch(r"[1-9]\d{0,2}(\.\d{3})+(,\d+)?", digits):
        return digits.replace(".", "").replace(",", ".")
    if re.fullmatch(r"\d+,\d+", digits):
        return digits.replace(",", ".")
    raise Unclear


def plain(cell: str) -> str:
    """Drop emphasis and code marks from a cell of a table or a line of Markdown."""
    return _MARKDOWN.sub("", cell).strip() if any(mark in cell for mark in "*_`~") else cell.strip()
