"""Numbers with a unit that stand in a guide by themselves: they should come from the knowledge base.

A page that cannot do without says so in its front matter, `allow_bare: why`, and its findings are only counted.
"""

import re
from collections.abc import Iterator

from recipe_kb.errors import Problem
from recipe_kb.i18n import _
from recipe_kb.site.guide import Guide
from recipe_kb.site.references import CODE

_UNIT = r"(?:GiB|MiB|KiB|TiB|GB|MB|TFLOP/s|%|samples/s|samples per second|mẫu/giây|tokens?\b|steps?/s|GB/s)"
_BARE = re.compile(
    rf"(?<![\w.,-])\d[\d.,]*\s?{_UNIT}"  # 8 GB, 50 %, 512 tokens
    r"|(?<![\w.])\d+(?:[.,]\d+)?e-\d+"  # 3e-5
    r"|\b[Bb]atch(?: size)?s? (?:of |là |bằng )?\d+\b"  # batch 32
)
_REFERENCE = re.compile(r"\{\{.*?\}\}|\]\([^)\s]*\)|\{#[^}]*\}", re.DOTALL)


def bare_numbers(guide: Guide) -> Iterator[Problem]:
    """Yield every bare number of a guide."""
    blanked = _blank(CODE, _blank(_REFERENCE, guide.body, CODE), None)
    for number, line in enumerate(blanked.splitlines(), start=guide.first_line):
        for found in _BARE.finditer(line):
            what = _("{number!r} stands by itself; take it from the knowledge base").format(number=found[0])
            yield Problem(code="KB413", what=what, where=f"{guide.where}:{number}")


def is_allowed(guide: Guide) -> bool:
    """Say whether the page gives a reason for its bare numbers."""
    reason = guide.meta.get("allow_bare")
    return isinstance(reason, str) and bool(reason.strip())


def _blank(pattern: re.Pattern[str], text: str, kept: re.Pattern[str] | None) -> str:
    """Replace what matches by blanks, so that every line keeps its number; not inside what is kept."""
    spans = [match.span() for match in kept.finditer(text)] if kept else []

    def blank(match: re.Match[str]) -> str:
        if any(start <= match.start() < end for start, end in spans):
            return match[0]
        return re.sub(r"[^\n]", " ", match[0])

    return pattern.sub(blank, text)
