"""Whether a translation still says what its original says: a hash of what it was made from, and the same structure.

A hash, not a commit: it survives squashed and shallow histories, and a change of spacing alone makes nothing stale.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, Literal

from recipe_kb.i18n import _
from recipe_kb.site import front_matter
from recipe_kb.site.guide import Guide, read_guide
from recipe_kb.site.languages import NAMES, ORIGINAL
from recipe_kb.site.place import Place

Status = Literal["original", "current", "stale", "missing", "orphan", "unmarked"]
"""original: was written first. current, stale: made from this original, from an older one. missing: no such page yet.
orphan: its original is gone. unmarked: does not say what it was made from."""


def content_hash(guide: Guide) -> str:
    """Return the hash of what a translator reads: words without spacing, and the front matter that is shown."""
    shown = {name: guide.meta[name] for name in ("title", "description") if name in guide.meta}
    text = unicodedata.normalize("NFC", f"{shown}\n{guide.body}")
    return hashlib.sha256(re.sub(r"\s+", " ", text).strip().encode()).hexdigest()[:16]


def status_of(place: Place, guide: Guide, language: str) -> Status:
    """Return how a page relates to its original."""
    made_from = guide.meta.get("l10n")
    if not isinstance(made_from, dict):
        return "original" if language == ORIGINAL else "unmarked"
    original = place.docs / str(made_from.get("source")) / guide.name
    if made_from.get("source") not in NAMES or not original.is_file():
        return "orphan"
    return "current" if made_from.get("source_hash") == content_hash(read_guide(place, original)) else "stale"


def statuses(place: Place) -> Iterator[tuple[str, str, Status]]:
    """Yield language, file name and status of every page in every language; one that only others have is missing."""
    names = {language: {path.name for path in place.guides(language)} for language in NAMES}
    for name in sorted(set().union(*names.values())):
        for language in NAMES:
            if name in names[language]:
                guide = read_guide(place, place.docs / language / name)
                status = status_of(place, guide, language)
                yield language, name, "orphan" if _original_is_gone(guide, names, language) else status
            else:
                yield language, name, "missing"


def accept(place: Place, guide: Guide, source: str, today: date | None = None) -> str:
    """Return a page that says it was made from its original as that is now.

    Args:
        place: Where the original is.
        guide: The translation.
        source: Language of the original.
        today: When it was compared; now by default.
    """
    made_from: dict[str, Any] = {
        "source": source,
        "source_hash": content_hash(read_guide(place, place.docs / source / guide.name)),
        "reviewed": (today or datetime.now(UTC).date()).isoformat(),
    }
    return front_matter.join({**guide.meta, "l10n": made_from}, guide.body)


def banner(guide: Guide) -> str:
    """Say since when a page is out of date, as far as that is known."""
    reviewed = guide.meta["l10n"].get("reviewed")
    if reviewed:
        return _("This translation was last compared with the original on {date}.").format(date=reviewed)
    return _("This translation was not compared with the original since that changed.")


def _original_is_gone(guide: Guide, names: dict[str, set[str]], language: str) -> bool:
    made_from = guide.meta.get("l10n")
    source = made_from.get("source") if isinstance(made_from, dict) else ORIGINAL
    return language != source and guide.name not in names.get(str(source), set())
