"""`kb check`: the knowledge base itself."""

import click

from recipe_kb.cli.group import session_of
from recipe_kb.cli.output import kind_name, print_json
from recipe_kb.errors import BadInputError
from recipe_kb.i18n import _, ngettext


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "check",
        callback=_run,
        help=_("Check the knowledge base: schema, references, arithmetic, both languages. Reports everything at once."),
        short_help=_("Check the knowledge base itself."),
    )


@click.pass_context
def _run(ctx: click.Context) -> None:
    from recipe_kb.resolve.check import check

    session = session_of(ctx)
    problems, counts = check(session.store)
    if session.as_json:
        found = [{"code": one.code, "where": one.where, "what": one.what} for one in problems]
        print_json({"schema": "kb-check/1", "problems": found, "counts": counts})
    elif not session.quiet:
        read = ", ".join(f"{count} {kind_name(kind, count)}" for kind, count in counts.items())
        click.echo(_("Read {what}.").format(what=read), err=bool(problems))
    if problems:
        click.echo(
            ngettext("{count} problem:", "{count} problems:", len(problems)).format(count=len(problems)), err=True
        )
        raise BadInputError(*problems)
    if not session.as_json:
        click.echo(_("No problems."))
