"""What search finds a page by beyond its own words: every name of its record, every spelling of the term it is about.

The engine writes the index of each language. Here its entries get what the knowledge base knows:

    tags    names and spellings, word by word; the results show those that match
    names   each name of the page as one word: a page that is called exactly what was typed comes first
    spelled each spelling of the terms that the page is about, in the same way; they count less
    page    of a section, the title of its page

A page is about a term of the glossary when its title, its address or a tag of its front matter has one of the term's
spellings.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from recipe_kb.schema.rule import Term
from recipe_kb.site.facts import Facts
from recipe_kb.text import fold, search_words, squash

_RECORDS = {
    "recipes": 0.7,
    "gpus": 0.7,
    "models": 0.7,
    "rules": 0.7,
    "claims": 0.7,
    "fits": 0.7,
    "lint": 0.25,
    "adr": 0.7,
}
"""Weights of the pages in a folder: many are alike, so lists and guides come first; lint names every setting."""
_SECTION = 0.5
"""Weight of a section of such a page, beyond that of the page."""
_GLOSSARY = "glossary/"
_PLURAL = re.compile(r"(?<![a-z])([a-z]{3,}[a-rt-z])s(?![a-z])")


def name_pages(facts: Facts, language: str, folder: Path) -> None:
    """Put names and terms into the index of a language.

    Args:
        facts: Where the names are.
        language: en, vi.
        folder: Site of that language; `search/search_index.json` there is written anew.
    """
    path = folder / "search" / "search_index.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    records = _names_of_records(facts)
    terms = [_spellings(term, language) for term in facts.store.terms()]
    titles = {entry["location"]: html.unescape(entry["title"]) for entry in index["docs"]}
    for entry in index["docs"]:
        address, _hash, anchor = entry["location"].partition("#")
        title, given, names = titles.get(address, ""), entry.pop("tags", []), records.get(address, ())
        if anchor:
            about = dict.fromkeys(_about((anchor,), "", terms)) if address == _GLOSSARY else {}
            fields = {"tags": [*about], "spelled": _wholes(about), "page": title}
        else:
            about = dict.fromkeys((*given, *_about((address.rstrip("/").rpartition("/")[2], *given), title, terms)))
            own = (title, title.partition(":")[0], address, address.partition("/")[2], *names)
            fields = {"tags": [*dict.fromkeys((*about, *names))], "names": _wholes(own), "spelled": _wholes(about)}
        entry |= {name: value for name, value in fields.items() if value}
        entry["boost"] = _weight(address, anchor, entry.get("boost", 1))
    path.write_text(json.dumps(index, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def whole(name: str) -> str:
    """Return a name as one word of the index; `lunr.vi.min.js` of the theme does the same with what is typed."""
    return squash(_PLURAL.sub(r"\1", fold(name)))


def _wholes(names: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(filter(None, map(whole, names))))


def _weight(address: str, anchor: str, boost: float) -> float:
    """Return how much an entry counts; the only page of its kind counts no less than any other."""
    kind, _slash, rest = address.partition("/")
    if kind not in _RECORDS or not rest:
        return boost if anchor else max(boost, 1)
    return min(boost, 1) * _RECORDS[kind] * (_SECTION if anchor else 1)


def _names_of_records(facts: Facts) -> dict[str, tuple[str, ...]]:
    """Return other names by address of the page."""
    store = facts.store
    gpus = {gpu_id: store.gpu(gpu_id) for gpu_id in store.gpu_ids()}
    models = {model_id: store.model(model_id) for model_id in store.model_ids()}
    return {f"gpus/{key}/": (key, gpu.name, *gpu.device_names, *gpu.aliases) for key, gpu in gpus.items()} | {
        f"models/{key}/": (key, model.hub_id, *model.aliases) for key, model in models.items()
    }


def _spellings(term: Term, language: str) -> list[str]:
    """Return how a term is written in a language; words with marks are Vietnamese, and English pages leave them out."""
    spelled = dict.fromkeys((term.id, getattr(term, language), term.en, *term.spellings))
    return [words for words in spelled if language != "en" or words.isascii()]


def _about(tags: Sequence[str], title: str, terms: Sequence[list[str]]) -> Iterator[str]:
    """Yield the spellings of each term that is named by a tag, or word by word in a title."""
    wanted, words = set(map(whole, tags)), _spaced(title)
    for spelled in terms:
        if any(whole(one) in wanted or _spaced(one) in words for one in spelled):
            yield from spelled


def _spaced(words: str) -> str:
    singular = _PLURAL.sub(r"\1", fold(words))
    return f" {' '.join(search_words(singular.replace('-', ' ')))} "
