"""`kb check`: the knowledge base itself."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from recipe_kb.cli.group import Session, session_of
from recipe_kb.cli.output import kind_name, print_json, title
from recipe_kb.errors import BadInputError
from recipe_kb.i18n import _, ngettext

if TYPE_CHECKING:
    from recipe_kb.resolve.evidence_files import Aged


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "check",
        callback=_run,
        params=[
            click.Option(
                ["--max-age"],
                type=click.IntRange(0, 36_500),
                metavar="DAYS",
                help=_("List evidence older than this; 365 days by default."),
            )
        ],
        help=_("Check the knowledge base: schema, references, arithmetic, both languages. Reports everything at once."),
        short_help=_("Check the knowledge base itself."),
    )


@click.pass_context
def _run(ctx: click.Context, max_age: int | None) -> None:
    from recipe_kb.resolve.check import check
    from recipe_kb.resolve.evidence_files import MAX_AGE_DAYS, aged

    session = session_of(ctx)
    problems, counts = check(session.store)
    old = aged(session.store, datetime.now(UTC).date(), MAX_AGE_DAYS if max_age is None else max_age)
    if session.as_json:
        found = [{"code": one.code, "where": one.where, "what": one.what} for one in problems]
        print_json(
            {"schema": "kb-check/1", "problems": found, "counts": counts, "aged": [_json(one, session) for one in old]}
        )
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
        _print_aged(old, session)


def _print_aged(old: "list[Aged]", session: Session) -> None:
    """List evidence that may no longer hold; that is no problem of the data."""
    if not old:
        return
    count = len(old)
    title(
        ngettext("{count} record is worth a new run", "{count} records are worth a new run", count).format(count=count)
    )
    for one in old:  # as problems are: a path that is wrapped cannot be copied
        click.echo(f"  {_shown(one, session)}: {_why(one)}")


def _why(one: "Aged") -> str:
    parts = (
        [ngettext("{days} day old", "{days} days old", one.age_days).format(days=one.age_days)] if one.too_old else []
    )
    changed = _("{name} {then}, memory is traced with {now}")
    parts += [changed.format(name=name, then=then, now=now) for name, (then, now) in one.versions.items()]
    return "; ".join(parts)


def _json(one: "Aged", session: Session) -> dict[str, Any]:
    versions = {name: {"then": then, "now": now} for name, (then, now) in one.versions.items()}
    return {
        "evidence": _shown(one, session),
        "recipe": one.recipe,
        "age_days": one.age_days,
        "too_old": one.too_old,
        "versions": versions,
    }


def _shown(one: "Aged", session: Session) -> str:
    return session.store.shown(one.path.relative_to(session.store.root).as_posix())
