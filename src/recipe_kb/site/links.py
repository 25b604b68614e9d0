"""Links and pictures of a finished site: what points inside it must be there, and nothing is loaded from outside."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from recipe_kb.errors import Problem
from recipe_kb.i18n import _

_POINTS = re.compile(r"<(?P<tag>a|link|img|script|source|iframe)\b(?P<rest>[^>]*)>", re.IGNORECASE)
_TARGET = re.compile(r"\b(?:href|src)=(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_ID = re.compile(r"\bid=(?:\"([^\"]*)\"|([^\s\"'>]+))")
_LOADED = re.compile(r"\brel=[\"']?(?:stylesheet|icon|preload|preconnect|modulepreload)", re.IGNORECASE)


def link_problems(site: Path) -> list[Problem]:
    """Return every link to nothing, and everything that is loaded from another host."""
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(site.rglob("*.html"))}
    anchors = {path: {first or second for first, second in _ID.findall(text)} for path, text in pages.items()}
    known: dict[tuple[Path, str], str | None] = {}
    problems = []
    for path, text in pages.items():
        if path.name == "404.html":
            continue  # served at any depth, so its links start at the root
        for target in _targets(text):
            key = (path.parent, target)
            if key not in known:
                known[key] = _fault(site, path, target, anchors)
            why = known[key]
            if why:
                where = path.relative_to(site).as_posix()
                problems.append(Problem(code="KB411", what=f"{target}: {why}", where=where))
        problems += [
            Problem(code="KB412", what=_("{target} is loaded from another host").format(target=target), where=str(path))
            for target in _loaded(text)
            if urlsplit(target).netloc
        ]
    return problems


def _targets(text: str) -> Iterator[str]:
    for element in _POINTS.finditer(text):
        found = _TARGET.search(element["rest"])
        if found and "canonical" not in element["rest"]:
            yield unescape(found[1] or found[2] or found[3] or "")


def _loaded(text: str) -> Iterator[str]:
    for element in _POINTS.finditer(text):
        found = _TARGET.search(element["rest"])
        if found and (element["tag"].lower() not in {"a", "link"} or _LOADED.search(element["rest"])):
            yield unescape(found[1] or found[2] or found[3] or "")


def _fault(site: Path, page: Path, target: str, anchors: dict[Path, set[str]]) -> str | None:
    """Say what is wrong with a link; None if nothing is, or if it leads out of the site."""
    address, anchor = urldefrag(target)
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    found = (page.parent / unquote(parts.path)).resolve() if parts.path else page.resolve()
    if found.is_dir():
        found /= "index.html"
    if not found.is_relative_to(site.resolve()) or not found.is_file():
        return _("there is no such page")
    if anchor and found.suffix == ".html" and not _has(anchors, found, site, unquote(anchor)):
        return _("the page has no such place")
    return None


def _has(anchors: dict[Path, set[str]], page: Path, site: Path, anchor: str) -> bool:
    listed = anchors.get(page) or anchors.get(site / page.relative_to(site.resolve())) or set()
    return anchor in listed or anchor in {"", "__skip"}
