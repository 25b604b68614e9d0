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
    details = f"kb {__version__}, Python {platform.python_version()}\n{sys.argv}\n{traceback.format_exc()}"
    error = type(sys.exception()).__name__
    try:
        with tempfile.NamedTemporaryFile("w", prefix="kb-crash-", suffix=".txt", delete=False, encoding="utf-8") as log:
            log.write(details)
        what = _("KB900 This is a bug of ours ({error}). Details are in {path}; please report it.")
        click.echo(what.format(error=error, path=Path(log.name)), err=True)
    except OSError:
        click.echo(_("KB900 This is a bug of ours ({error}); please report it.").format(error=error), err=True)
        click.echo(details, err=True)
    return Exit.OUR_BUG
