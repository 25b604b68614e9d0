"""Structure that a page has in every language: headings, references, code, links, notes."""

import re
from collections.abc import Callable, Iterator

from recipe_kb.errors import Problem
from recipe_kb.i18n import _
from recipe_kb.site.guide import Guide
from recipe_kb.site.references import CODE, reference_calls


def _ids(body: str) -> list[str]:
    prose = CODE.sub(lambda match: "" if "\n" in match[0] else "code", body)
    return [f"{level} {anchor}" for level, anchor in re.findall(r"^(#+) .*?(\{#[\w-]+\})?\s*$", prose, re.MULTILINE)]


def _links(body: str) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)[^)]*\)", CODE.sub("", body))
    return sorted(target.replace("/vi/", "/en/") for target in found)


def _fences(body: str) -> list[str]:
    return re.findall(r"^(?:`{3,}|~{3,})(\w+)", body, re.MULTILINE)


def _notes(body: str) -> list[str]:
    return re.findall(r"^(?:!!!|\?\?\?\+?) (\w+)", CODE.sub("", body), re.MULTILINE)


def _tables(body: str) -> list[str]:
    return [str(row.count("|")) for row in re.findall(r"^\|[ :|-]+\|\s*$", CODE.sub("", body), re.MULTILINE)]


_ASPECTS: dict[str, Callable[[str], list[str]]] = {
    "ids": _ids,
    "references": lambda body: sorted(reference_calls(body)),
    "links": _links,
    "code": _fences,
    "notes": _notes,
    "tables": _tables,
}


def parity_problems(original: Guide, other: Guide) -> Iterator[Problem]:
    """Yield every aspect in which a translation is built differently."""
    words = {
        "ids": _("headings"),
        "references": _("references"),
        "links": _("links"),
        "code": _("blocks of code"),
        "notes": _("notes"),
        "tables": _("tables"),
    }
    for name, read in _ASPECTS.items():
        first, second = read(original.body), read(other.body)
        if first != second:
            here = [part for part in second if part not in first] or [f"{len(second)}"]
            there = [part for part in first if part not in second] or [f"{len(first)}"]
            what = _("{aspect} differ from {page}: {there} there, {here} here").format(
                aspect=words[name], page=original.where, there=", ".join(there[:3]), here=", ".join(here[:3])
            )
            yield Problem(code="KB415", what=what, where=other.where)
