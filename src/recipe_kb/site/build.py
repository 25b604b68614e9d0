"""Build the site: a stage for each language, the engine over both, then what is the same for all languages."""

import fcntl
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recipe_kb.site.ahead import answer_ahead
from recipe_kb.site.api import write_api
from recipe_kb.site.engine import require, run_engine
from recipe_kb.site.facts import Facts
from recipe_kb.site.languages import NAMES, speaking
from recipe_kb.site.page import Page
from recipe_kb.site.pages.registry import make_pages
from recipe_kb.site.place import Place
from recipe_kb.site.root import write_root
from recipe_kb.site.search_index import name_pages
from recipe_kb.site.stage import write_stage


@dataclass(frozen=True, kw_only=True)
class Built:
    """A finished site.

    Attributes:
        folder: Where it is.
        num_pages: HTML pages by language.
        num_bytes: Of all files.
    """

    folder: Path
    num_pages: Mapping[str, int]
    num_bytes: int


def build_site(place: Place) -> Built:
    """Build the site; the old one stays until the new one is whole.

    Raises:
        CannotHereError: The engine is not installed.
        BadInputError: A guide or a file of the knowledge base is wrong.
        FindingError: The engine warned, of a broken link for example.
    """
    require()
    with _alone(place.build):
        return _build(place)


def _build(place: Place) -> Built:
    facts, new = Facts(place.store, place.figures), place.build / "new"
    shutil.rmtree(new, ignore_errors=True)
    answer_ahead(facts)
    pages = {language: pages_in(place, facts, language) for language in NAMES}
    run_engine([write_stage(place, facts, language, pages[language]) for language in NAMES])
    for language in NAMES:
        name_pages(facts, language, new / language)
    write_api(place, facts, new)
    write_root(place, facts, pages, new)
    shutil.rmtree(place.site, ignore_errors=True)
    new.rename(place.site)
    files = [path for path in place.site.rglob("*") if path.is_file()]
    return Built(
        folder=place.site,
        num_pages={language: sum(1 for _ in (place.site / language).rglob("*.html")) for language in NAMES},
        num_bytes=sum(path.stat().st_size for path in files),
    )


def pages_in(place: Place, facts: Facts, language: str) -> list[Page]:
    """Make the generated pages of a language."""
    with speaking(language):
        return list(make_pages(place, facts))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other build writes to this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
