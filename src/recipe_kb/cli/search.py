"""`kb search`: find anything, in either language, with or without marks."""

import click

from recipe_kb.cli.group import session_of, terminal_width
from recipe_kb.cli.output import columns, kind_name, print_json
from recipe_kb.errors import Exit
from recipe_kb.i18n import _, ngettext
from recipe_kb.text import nearest

_SHOWN = 20


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "search",
        callback=_run,
        params=[
            click.Argument(["words"], nargs=-1, required=True),
            click.Option(["--limit"], type=click.IntRange(1), default=_SHOWN, help=_("How many to print.")),
        ],
        help=_(
            "Search terms, rules, recipes, GPUs, models and claims in both languages.\n\nExample: kb search ti le hoc"
        ),
        short_help=_("Find anything, with or without Vietnamese marks."),
    )


@click.pass_context
def _run(ctx: click.Context, words: tuple[str, ...], limit: int) -> int:
    from recipe_kb.resolve.search import search

    session = session_of(ctx)
    query = " ".join(words)
    hits = search(session.store, query)
    if session.as_json:
        found = [
            {"kind": hit.document.kind, "id": hit.document.id, "title": hit.document.title.get(session.language)}
            for hit in hits[:limit]
        ]
        print_json({"schema": "kb-search/1", "query": query, "total": len(hits), "hits": found})
        return Exit.DONE if hits else Exit.FINDING
    if not hits:
        message = _("Nothing found for {query!r}.").format(query=query)
        spellings = [name for term in session.store.terms() for name in (term.en, term.vi, *term.spellings)]
        offered = nearest(query, spellings, limit=1)
        if offered:
            message += " " + _("Did you mean {names}?").format(names=offered[0])
        click.echo(f"{message} -> kb list recipes", err=True)
        return Exit.FINDING
    rows = [
        (kind_name(hit.document.kind), hit.document.id, hit.document.title.get(session.language))
        for hit in hits[:limit]
    ]
    columns(rows, terminal_width())
    if len(hits) > limit and not session.quiet:
        rest = len(hits) - limit
        more = ngettext(
            "{count} more; narrow the words or use --limit.", "{count} more; narrow the words or use --limit.", rest
        )
        click.echo(more.format(count=rest), err=True)
    return Exit.DONE
