"""Entry point: the language first, then one command, then every failure as a line and an exit code."""

import errno
import gc
import os
import sys
from collections.abc import Sequence

gc.disable()  # a start allocates much and frees little; collecting would cost a tenth of it. `kb validate` turns it on.

import click  # noqa: E402

from recipe_kb import i18n  # noqa: E402
from recipe_kb.cli.group import root_group  # noqa: E402
from recipe_kb.errors import Exit, KbError  # noqa: E402
from recipe_kb.i18n import _  # noqa: E402


def main(argv: Sequence[str] | None = None) -> None:
    """Run `kb` and exit."""
    sys.exit(run(list(sys.argv[1:] if argv is None else argv)))


def run(argv: list[str]) -> int:
    """Run `kb` and return its exit code."""
    i18n.activate(i18n.choose(_typed_language(argv), os.environ))
    group = root_group()
    try:
        with group.make_context("kb", argv) as context:
            result = group.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except KbError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        return error.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "kb"
        click.echo(f"KB206 {error.format_message()} -> {command} --help", err=True)
        return Exit.BAD_INPUT
    except (KeyboardInterrupt, click.Abort):
        click.echo(_("Interrupted; no half-written file and no process was left behind."), err=True)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone; so may we
        return Exit.DONE
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO, errno.EDQUOT):
            return _our_bug()
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        click.echo(_("KB311 The output cannot be written: {why}.").format(why=error.strerror), err=True)
        return Exit.CANNOT_HERE
    except Exception:  # noqa: BLE001 - whatever is left is our own bug, and the user gets no traceback for it
        return _our_bug()
    return int(result or Exit.DONE)


def _our_bug() -> int:
    from recipe_kb.cli.crash import report

    return report()


def _typed_language(argv: Sequence[str]) -> str | None:
    """Read `--lang` before click does: the help texts already depend on it."""
    for position, word in enumerate(argv):
        if word.startswith("--lang="):
            return word.removeprefix("--lang=")
        if word == "--lang" and position + 1 < len(argv):
            return argv[position + 1]
    return None
