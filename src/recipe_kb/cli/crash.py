"""Our own bug: keep what is needed to mend it, show one line."""

import platform
import sys
import tempfile
import traceback
from pathlib import Path

import click

from recipe_kb import __version__
from recipe_kb.errors import Exit
from recipe_kb.i18n import _


def report() -> int:
    """Write the traceback to a file and name it; call inside an `except` block."""
    with tempfile.NamedTemporaryFile("w", prefix="kb-crash-", suffix=".txt", delete=False, encoding="utf-8") as log:
        log.write(f"kb {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
        log.write(f"{sys.argv}\n{traceback.format_exc()}")
    what = _("KB900 This is a bug of ours ({error}). Details are in {path}; please report it.")
    click.echo(what.format(error=type(sys.exception()).__name__, path=Path(log.name)), err=True)
    return Exit.OUR_BUG
