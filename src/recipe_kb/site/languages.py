"""The languages of the site, and how one process writes pages in each."""

from collections.abc import Iterator
from contextlib import contextmanager

from recipe_kb import i18n

NAMES = {"en": "English", "vi": "Tiếng Việt"}
"""Language -> its own name; a test holds it against `i18n.LANGUAGES`."""
ORIGINAL = "en"
"""Where a page says nothing else, it was written in this language first."""


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Write pages in a language, then go back to the reader's."""
    before = i18n.language()
    i18n.activate(language)
    try:
        yield
    finally:
        i18n.activate(before)
