"""kb/memory/MODEL.json: the traced steps of one model, packed by `recipe_kb.memory.stored`."""

import json
from pathlib import Path
from typing import Any

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _

SECTIONS = {
    "generated": str,
    "versions": dict,
    "steps": dict,
    "updates": dict,
    "not": dict,
}
"""Section -> its type. `steps` and `updates` are packed text, `not` says why a cell cannot be traced."""


def read_traced(path: Path, shown: str) -> dict[str, Any] | None:
    """Read one file; what is packed in it stays packed.

    Args:
        path: The file.
        shown: The path as problems print it.

    Returns:
        None if there is no such file.

    Raises:
        BadInputError: It is not what `make curves` writes.
    """
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        what = _("cannot be read: {why}").format(why=error.strerror)
        raise BadInputError(traced_problem(what, shown)) from error
    except (ValueError, RecursionError) as error:
        what = _("is not valid JSON: {why}").format(why=error)
        raise BadInputError(traced_problem(what, shown)) from error
    sections = record if isinstance(record, dict) else {}
    wrong = [name for name, kind in SECTIONS.items() if not isinstance(sections.get(name), kind)]
    wrong += [
        f"{name}.{key}"
        for name in ("versions", "steps", "updates", "not")
        if name not in wrong
        for key, value in sections[name].items()
        if not isinstance(value, str)
    ]
    wrong += sorted(set(sections) - set(SECTIONS))
    if wrong:
        what = _("is not what `make curves` writes: {names} missing, unknown or of another type")
        raise BadInputError(traced_problem(what.format(names=", ".join(wrong)), shown))
    return sections


def traced_problem(what: str, shown: str) -> Problem:
    """Make the problem of a file of traced steps: nobody mends it by hand."""
    return Problem(code="KB118", what=what, where=shown, next_command="make curves")
