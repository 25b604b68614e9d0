"""The command group: each command's module is imported only when it is called."""

import importlib
import os
from dataclasses import dataclass
from typing import Any

import click

from recipe_kb import __version__, i18n
from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store
from recipe_kb.text import nearest

COMMANDS = {
    "check": "recipe_kb.cli.check",
    "diff": "recipe_kb.cli.diff",
    "doctor": "recipe_kb.cli.doctor",
    "export": "recipe_kb.cli.export",
    "extract": "recipe_kb.cli.extract",
    "lint": "recipe_kb.cli.lint",
    "list": "recipe_kb.cli.list_records",
    "plan": "recipe_kb.cli.plan",
    "predict": "recipe_kb.cli.predict",
    "recipe": "recipe_kb.cli.recipe",
    "search": "recipe_kb.cli.search",
    "show": "recipe_kb.cli.show",
    "site": "recipe_kb.cli.site",
    "tune": "recipe_kb.cli.tune",
    "validate": "recipe_kb.cli.validate",
}
"""Command -> the module whose `build()` makes it."""


@dataclass
class Session:
    """What every command shares: the knowledge base and how to speak."""

    store: Store
    language: str
    as_json: bool = False
    quiet: bool = False


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).build()
        command.params += global_options()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            message = _("No such command {name!r}.").format(name=args[0])
            offered = nearest(args[0], COMMANDS, limit=1)
            if offered:
                message += " " + _("Did you mean {names}?").format(names=offered[0])
            raise click.UsageError(message, ctx)
        return super().resolve_command(ctx, args)


def root_group() -> click.Group:
    """Make the `kb` command in the active language."""
    return _LazyGroup(
        name="kb",
        callback=_start,
        params=[*global_options(), _version_option()],
        help=_(
            "Fine-tuning recipes that are true: settings for a GPU, a model and a number of tasks, "
            "each with its origin."
        ),
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )


@click.pass_context
def _start(ctx: click.Context, /, **_options: Any) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def global_options() -> list[click.Parameter]:
    """Return the options that every command takes."""
    return [
        click.Option(
            ["--lang"],
            type=click.Choice(i18n.LANGUAGES),
            expose_value=False,
            help=_("Language of the texts; else KB_LANG, else the locale."),
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_remember("as_json"),
            help=_("Print JSON for programs."),
        ),
        click.Option(
            ["--quiet", "-q"],
            is_flag=True,
            expose_value=False,
            callback=_remember("quiet"),
            help=_("Print results only, no talk."),
        ),
    ]


def _remember(name: str) -> Any:
    def callback(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
        if value:
            setattr(session_of(ctx), name, True)

    return callback


def session_of(ctx: click.Context) -> Session:
    """Return the session of this run; made on first use."""
    root = ctx.find_root()
    if root.obj is None:
        folder = default_root()
        if not (folder / "gpus").is_dir():
            what = _("There is no knowledge base here: no folder gpus/. Is KB_ROOT right?")
            raise BadInputError(Problem(code="KB212", what=what, where=str(folder), next_command="unset KB_ROOT"))
        root.obj = Session(store=Store(folder), language=i18n.language())
    return root.obj  # type: ignore[no-any-return]


def _version_option() -> click.Option:
    def show(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(f"kb {__version__}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help=_("Print the version.")
    )


def terminal_width() -> int:
    """Return the width to print for; a pipe gets a hundred columns."""
    try:
        return max(60, min(os.get_terminal_size().columns, 120))
    except OSError:
        return 100
