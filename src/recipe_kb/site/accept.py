"""Record that a translation was compared with its original as that is now."""

from pathlib import Path

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.site.freshness import accept
from recipe_kb.site.guide import read_guide
from recipe_kb.site.languages import NAMES, ORIGINAL
from recipe_kb.site.place import Place


def accept_page(place: Place, path: Path) -> None:
    """Write the hash of the original into the front matter of a translation.

    Raises:
        BadInputError: It is no guide, it is the original, or the original is gone.
    """
    language = path.parent.name
    where = place.shown(path)
    if path.parent.parent != place.docs.resolve() or language not in NAMES or path.suffix != ".md":
        raise _odd(_("is no guide; guides are docs/LANGUAGE/NAME.md"), where)
    guide = read_guide(place, path)
    source = str((guide.meta.get("l10n") or {}).get("source", ORIGINAL))
    if source == language:
        raise _odd(_("is an original, not a translation"), where)
    if source not in NAMES or not (place.docs / source / path.name).is_file():
        raise _odd(_("its original is gone"), where)
    path.write_text(accept(place, guide, source), encoding="utf-8")


def _odd(what: str, where: str) -> BadInputError:
    return BadInputError(Problem(code="KB416", what=what, where=where, next_command="kb site check"))
