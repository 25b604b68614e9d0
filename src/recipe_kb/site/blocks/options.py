"""What a command takes, as a table that click itself is asked for: `{{ options('recipe') }}`, in the active language.

The command line stands above the pages, so it is named here and not imported: whatever is installed is described.
"""

import importlib
from typing import Any

import click
from markupsafe import Markup

from recipe_kb.i18n import _
from recipe_kb.site.facts import Facts, NoSuchFactError
from recipe_kb.site.markup import code, listing, table, with_code
from recipe_kb.text import nearest

_COMMAND_LINE = "recipe_kb.cli.group"
_RANGES = (click.IntRange, click.FloatRange)


def make(_facts: Facts, name: str = "") -> Markup:
    """Write how a command is called, and a table of its options.

    Args:
        name: `recipe`, `site build`; empty for the options that every command takes.

    Raises:
        NoSuchFactError: There is no such command.
    """
    group = importlib.import_module(_COMMAND_LINE)
    command, context = _found(group.root_group(), name.split())
    everywhere = {option.name for option in group.global_options()} if name else set()
    shown = [one for one in command.get_params(context) if isinstance(one, click.Option)]
    helping = set(context.help_option_names) if name else set()
    shown = [one for one in shown if one.name not in everywhere and not helping.intersection(one.opts)]
    usage = listing(" ".join([context.command_path, *command.collect_usage_pieces(context)]))
    if not shown:
        return usage
    headers = (_("option"), _("what it does"), _("values"), _("default"))
    rows = [(code(_spelling(one)), one.help or "", _values(one), _default(one, context)) for one in shown]
    filled = [column for column in range(len(headers)) if any(row[column] for row in rows)]
    label = _("Options of {command}").format(command=context.command_path)
    columns = [headers[column] for column in filled]
    return Markup("{}\n{}").format(usage, table(columns, [[row[column] for column in filled] for row in rows], label))


def _found(root: click.Group, words: list[str]) -> tuple[click.Command, click.Context]:
    command: click.Command = root
    context = click.Context(root, info_name="kb", **root.context_settings)
    for word in words:
        known = command.list_commands(context) if isinstance(command, click.Group) else []
        found = command.get_command(context, word) if isinstance(command, click.Group) and word in known else None
        if found is None:
            what = _("There is no command {name!r}.").format(name=" ".join(words))
            offered = nearest(word, known)
            if offered:
                what += " " + _("Did you mean {names}?").format(names=_(" or ").join(offered))
            raise NoSuchFactError(what)
        command, context = found, click.Context(found, info_name=word, parent=context)
    return command, context


def _spelling(option: click.Option) -> str:
    names = sorted(option.opts, key=len, reverse=True)
    return ", ".join(names) + "".join(f" / {other}" for other in option.secondary_opts)


def _values(option: click.Option) -> Markup | str:
    """Say what may follow an option; nothing follows a flag."""
    kind = option.type
    if option.is_flag or option.count:
        return ""
    if isinstance(kind, click.Choice):
        return Markup(" ").join(code(str(choice)) for choice in kind.choices)
    if isinstance(kind, _RANGES):
        return Markup(" ").join(part for part in (code(option.metavar) if option.metavar else "", _range(kind)) if part)
    return code(option.metavar or kind.name.upper())


def _range(kind: Any) -> Markup | str:
    least, most = (None if bound is None else f"{bound:.0f}" for bound in (kind.min, kind.max))
    if least and most:
        return with_code(_("`{least}` to `{most}`").format(least=least, most=most))
    return with_code(_("from `{least}`").format(least=least)) if least else ""


def _default(option: click.Option, context: click.Context) -> Markup | str:
    if option.required:
        return _("required")
    value = option.get_default(context)
    if isinstance(value, bool):
        return code(option.opts[0]) if value and option.secondary_opts else ""
    return (
        code(f"{value:g}" if isinstance(value, float) else str(value)) if isinstance(value, int | float | str) else ""
    )
