"""Decisions: kept in English, with a title and a short account in every other language in their front matter."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipe_kb.errors import Problem
from recipe_kb.i18n import _
from recipe_kb.site import front_matter
from recipe_kb.site.languages import NAMES, ORIGINAL
from recipe_kb.site.markup import as_text
from recipe_kb.site.place import Place

_FROM_DECISIONS = re.compile(r"\]\(\.\./(en|vi)/")


def decisions(place: Place) -> list[Path]:
    """Return the files, oldest first."""
    return sorted((place.docs / "adr").glob("*.md"))


def staged_decision(place: Place, path: Path, language: str) -> str:
    """Return a decision as the engine reads it, in the active language.

    In another language than English the title and the account come first and say that what follows is English; search
    in that language does not find it.
    """
    meta, body = front_matter.split(path.read_text(encoding="utf-8"), place.shown(path))
    body = _FROM_DECISIONS.sub("](../", body)
    shown: dict[str, object] = {"source": place.shown(path), "search": {"boost": 0.3}}
    if language == ORIGINAL:
        return front_matter.join(shown, body)
    account = _account(meta, language)
    title, _newline, rest = body.lstrip("\n").partition("\n")
    parts = [f"# {as_text(account['title'])}" if "title" in account else title]
    parts += [as_text(account["summary"])] if "summary" in account else []
    notice = _("Decisions are kept in English; this is the whole text.")
    parts.append(f"*{as_text(notice)}*")
    parts.append(f'<div lang="{ORIGINAL}" markdown>\n\n**{title.lstrip("# ")}**\n{rest}\n</div>\n')
    return front_matter.join(shown | {"search": {"exclude": True}}, "\n\n".join(parts))


def decision_problems(place: Place) -> Iterator[Problem]:
    """Yield every decision without a title or an account in a language."""
    for path in decisions(place):
        meta, _body = front_matter.split(path.read_text(encoding="utf-8"), place.shown(path))
        for language in NAMES:
            if language != ORIGINAL and _account(meta, language).keys() < {"title", "summary"}:
                what = _("its front matter has no title and summary under {language!r}").format(language=language)
                yield Problem(code="KB414", what=what, where=place.shown(path))


def _account(meta: dict[str, Any], language: str) -> dict[str, str]:
    found = meta.get(language)
    if not isinstance(found, dict):
        return {}
    return {name: str(found[name]) for name in ("title", "summary") if found.get(name)}
