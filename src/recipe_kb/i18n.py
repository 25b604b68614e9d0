"""The two languages of the command line: gettext catalogs and the choice between them.

Order of choice: `--lang`, `KB_LANG`, the locale, English.
Catalogs are compiled from `locale/*.po` with babel when the package is built; at run time the standard
library reads them, which keeps the start of every command short.
"""

import gettext as _gettext
import os
from collections.abc import Mapping
from pathlib import Path

LANGUAGES = ("en", "vi")
DOMAIN = "recipe_kb"
_LOCALE_DIR = Path(__file__).parent / "locale"

_SIGNS = {"en": str.maketrans("", ""), "vi": str.maketrans(",.", ".,")}
"""How a language swaps the signs of Python's own format; a test holds them against babel's locale data, whose
import would cost every Vietnamese answer a third of its start."""

_language = "en"
_translations: _gettext.NullTranslations = _gettext.NullTranslations()


def choose(explicit: str | None, environ: Mapping[str, str]) -> str:
    """Pick the language from the option, `KB_LANG`, or the POSIX locale variables."""
    candidates = [explicit, *(environ.get(name) for name in ("KB_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))]
    for candidate in candidates:
        if candidate:
            prefix = candidate.lower().replace("-", "_").split("_")[0].split(".")[0]
            return prefix if prefix in LANGUAGES else "en"
    return "en"


def activate(language: str) -> None:
    """Speak this language from now on, the messages of the click library included."""
    global _language, _translations  # noqa: PLW0603 - one process speaks one language at a time
    _language = language
    _translations = _gettext.translation(DOMAIN, _LOCALE_DIR, languages=[language], fallback=True)
    os.environ["LANGUAGE"] = language
    _gettext.bindtextdomain(DOMAIN, str(_LOCALE_DIR))
    _gettext.textdomain(DOMAIN)


def language() -> str:
    """Return the language in use, `en` or `vi`."""
    return _language


def _(message: str) -> str:
    """Translate one message."""
    return _translations.gettext(message)


def N_(message: str) -> str:  # noqa: N802 - the name by which gettext tools find it
    """Mark a message for translation where it is made; `_` translates it where it is shown."""
    return message


def ngettext(singular: str, plural: str, count: int) -> str:
    """Translate a message that has a count."""
    return _translations.ngettext(singular, plural, count)


def number(value: float, digits: int = 2) -> str:
    """Write a number for reading in the active language: `9.30`, `9,30`. Never for values that people copy."""
    return f"{value:,.{digits}f}".translate(_SIGNS[_language])


def percent(share: float, digits: int = 0) -> str:
    """Write a share of 1 as a percentage in the active language; in a message a bare `%` could pass for a format."""
    return f"{number(100 * share, digits)}%"


def gib(num_bytes: float) -> str:
    """Write bytes as GiB (2**30 bytes) with two decimals in the active language."""
    return f"{number(num_bytes / 2**30)} GiB"
