"""kb/layouts/MODEL.json: the parameters of one network, packed by `recipe_kb.memory.layout`."""

import json
from pathlib import Path
from typing import Any

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _

_SECTIONS = {"generated": str, "versions": dict, "layer": str, "layouts": dict}


def read_layouts(path: Path, shown: str) -> dict[str, Any] | None:
    """Read one file; what is packed in it stays packed.

    Args:
        path: The file.
        shown: The path as problems print it.

    Returns:
        None if there is no such file.

    Raises:
        BadInputError: It is not what `make layouts` writes.
    """
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        what = _("cannot be read: {why}").format(why=error.strerror)
        raise BadInputError(layout_problem(what, shown)) from error
    except (ValueError, RecursionError) as error:
        what = _("is not valid JSON: {why}").format(why=error)
        raise BadInputError(layout_problem(what, shown)) from error
    sections = record if isinstance(record, dict) else {}
    wrong = [name for name, kind in _SECTIONS.items() if not isinstance(sections.get(name), kind)]
    wrong += sorted(set(sections) - set(_SECTIONS))
    if wrong:
        what = _("is not what `make layouts` writes: {names} missing, unknown or of another type")
        raise BadInputError(layout_problem(what.format(names=", ".join(wrong)), shown))
    return sections


def layout_problem(what: str, shown: str) -> Problem:
    """Make the problem of a file of layouts: nobody mends it by hand."""
    return Problem(code="KB122", what=what, where=shown, next_command="make layouts")
