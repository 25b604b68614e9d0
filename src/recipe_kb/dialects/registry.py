"""Every dialect by the name that `--format` takes; its module is imported only when it is asked for."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recipe_kb.dialects.job import Job

DIALECTS = {
    "yaml": "yaml_config",
    "args": "args",
    "python": "python_script",
    "shell": "shell_script",
    "notebook": "notebook",
    "accelerate": "accelerate_config",
    "lightning": "lightning_cli",
    "axolotl": "axolotl",
    "llamafactory": "llamafactory",
}
"""Format -> module beside this one."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """One trainer's way to spell a recipe.

    Attributes:
        write: The text of a recipe.
        read: What such a text says: settings, and of the cell what stands there, all by our names.
        suffix: Of a file that holds it.
        why_not: Why a recipe cannot be written so, in the active language; None where it can.
        remarks: What the text by itself does not say, in the active language.
    """

    write: Callable[[Job], str]
    read: Callable[[str], dict[str, Any]]
    suffix: str
    why_not: Callable[[Job], str | None]
    remarks: Callable[[Job], list[str]]


def dialect(form: str) -> Dialect:
    """Return the dialect of a format."""
    module = importlib.import_module(f"{__package__}.{DIALECTS[form]}")
    return Dialect(
        write=module.write,
        read=module.read,
        suffix=module.SUFFIX,
        why_not=getattr(module, "why_not", lambda _job: None),
        remarks=getattr(module, "remarks", lambda _job: []),
    )
