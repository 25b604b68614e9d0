"""What a comment says about the effective batch, read as arithmetic."""

import math
import re
from dataclasses import dataclass

_SUBJECT = re.compile(
    r"\beffective(?![a-z])(?:[ _-]?(?:train[ _-]?)?batch(?:[ _-]?size)?)?|"
    r"\btotal[ _-](?:train[ _-]?)?batch(?:[ _-]?size)?|"
    r"(?:\btổng\s+)?\b(?:batch(?:[ _-]size)?|kích\s+thước\s+(?:batch|lô)|lô)"
    r"\s+(?:hiệu\s+(?:dụng|quả)|thực\s+(?:tế|sự))|"
    r"\btổng\s+batch(?:[ _-]size)?|\bhiệu\s+dụng",
    re.IGNORECASE,
)
_SAYS = re.compile(
    r"(?:[\s`*_:=≈~→>-]|\b(?:still|is|of|to|at|remains|stays|là|vẫn|bằng|khoảng|đạt|thành|còn|tức|tương\s+đương)\b)*(?P<sum>\d[\d\s.*x\u00d7\u00b7=]*)"
    r"(?P<next>[%-]\d?|\u2013\d|[a-zA-Z]?)",
    re.IGNORECASE,
)
_FACTORS = re.compile(r"\d+(?:\s*[*x\u00d7\u00b7]\s*\d+)+")
_RESULT = re.compile(r"=\s*(?P<result>\d+)")
_INTEGER = re.compile(r"\d+")
_LONGEST = 2000


@dataclass(frozen=True, kw_only=True)
class Claim:
    """An effective batch that somebody states.

    Attributes:
        value: What it is said to be.
        factors: What it is said to be the product of; empty where nothing is said.
    """

    value: int
    factors: tuple[int, ...] = ()

    @property
    def product(self) -> int:
        """What the factors make."""
        return math.prod(self.factors)


def claims_in(text: str) -> list[Claim]:
    """Return what a comment claims, in its order: `Effective = 16*4 = 64`, `effective batch size: 32`."""
    found = []
    for match in _SUBJECT.finditer(text[:_LONGEST]):
        said = _SAYS.match(text[:_LONGEST], match.end())
        if said is None:
            continue
        if said["next"] and not said["sum"][-1].isspace():
            continue  # 50%, 64-128, 2x faster, 12h
        claim = _claim(said["sum"])
        if claim:
            found.append(claim)
    return found


def _claim(text: str) -> Claim | None:
    if "." in text.strip().rstrip(".") or text.strip()[-1] in "x\u00d7\u00b7":
        return None
    factors = _FACTORS.search(text)
    numbers = tuple(int(number) for number in re.findall(r"\d{1,9}", factors[0])) if factors else ()
    result = _RESULT.search(text, factors.end() if factors else 0)
    if result:
        return Claim(value=int(result["result"][:9]), factors=numbers)
    if factors:
        return Claim(value=math.prod(numbers), factors=numbers)
    whole = _INTEGER.search(text)
    return Claim(value=int(whole[0][:9])) if whole else None
