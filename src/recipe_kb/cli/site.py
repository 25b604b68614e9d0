"""`kb site`: build the pages, look at them, check them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipe_kb.cli.group import Session, global_options, session_of
from recipe_kb.cli.output import print_json
from recipe_kb.errors import Exit
from recipe_kb.i18n import _, ngettext, number

if TYPE_CHECKING:
    from recipe_kb.site.place import Place


def build() -> click.Command:
    """Make the command in the active language."""
    group = click.Group(
        "site",
        help=_("Build the pages of both languages from the guides and the knowledge base, serve them, check them."),
        short_help=_("The pages: build, serve, check."),
    )
    for name, callback, params, words in (
        ("build", _build, _folders(), _("Write the site to build/site.")),
        ("serve", _serve, [*_folders(), _port()], _("Build, serve on this machine, and build again at every change.")),
        ("check", _check, _folders(), _("Build, and compare every number, link and translation with its source.")),
        ("cells", _cells, [_models(), _again()], _("Work out the settings that the picker and the heat map show.")),
        ("accept", _accept, [_page()], _("Say that a translation was compared with its original as that is now.")),
    ):
        command = click.Command(name, callback=callback, params=[*params, *global_options()], help=words)
        group.add_command(command)
    return group


def _folders() -> list[click.Parameter]:
    return [
        click.Option(
            ["--out"], type=click.Path(path_type=Path), help=_("Folder to write to instead of build/ of the checkout.")
        ),
        click.Option(
            ["--url"],
            envvar="SITE_URL",
            help=_("Where it will be served, for the sitemap and the feed; otherwise the variable SITE_URL says it."),
        ),
    ]


def _port() -> click.Parameter:
    return click.Option(["--port"], type=click.IntRange(0, 65_535), default=8000, help=_("Port; 0 for any free one."))


def _page() -> click.Parameter:
    return click.Argument(["pages"], nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))


def _models() -> click.Parameter:
    return click.Argument(["models"], nargs=-1)


def _again() -> click.Parameter:
    return click.Option(
        ["--again"], is_flag=True, help=_("Work out every cell, not only those whose facts have changed.")
    )


@click.pass_context
def _build(ctx: click.Context, out: Path | None, url: str | None) -> None:
    import time

    from recipe_kb.site.build import build_site

    session, start = session_of(ctx), time.monotonic()
    place = _place(session, out, url)
    built = build_site(place)
    seconds = time.monotonic() - start
    if session.as_json:
        pages = dict(built.num_pages)
        found = {
            "schema": "kb-site/1",
            "folder": str(built.folder),
            "pages": pages,
            "bytes": built.num_bytes,
            "seconds": seconds,
        }
        print_json(found)
        return
    counted = ", ".join(f"{language} {count}" for language, count in built.num_pages.items())
    click.echo(
        _("{folder}: {pages} pages, {size} MB, in {seconds} s").format(
            folder=built.folder, pages=counted, size=number(built.num_bytes / 1e6, 1), seconds=number(seconds, 1)
        )
    )
    if place.url is None and not session.quiet:
        click.echo(_("No --url and no SITE_URL, so there is no sitemap.xml: it needs full addresses."), err=True)


@click.pass_context
def _serve(ctx: click.Context, out: Path | None, url: str | None, port: int) -> None:
    from recipe_kb.site.serve import serve

    session = session_of(ctx)
    talk: Callable[[str], None] = (
        (lambda _words: None) if session.quiet else (lambda words: click.echo(words, err=True))
    )
    serve(_place(session, out, url), port, talk)


@click.pass_context
def _check(ctx: click.Context, out: Path | None, url: str | None) -> int:
    from recipe_kb.site.check import check_site

    session = session_of(ctx)
    checked = check_site(_place(session, out, url))
    if session.as_json:
        print_json({"schema": "kb-site-check/1", **checked.to_json()})
    else:
        for problem in (*checked.problems, *checked.allowed):
            click.echo(problem)
        if not session.quiet:
            click.echo(checked.summary(), err=True)
    return Exit.FINDING if checked.problems else Exit.DONE


@click.pass_context
def _cells(ctx: click.Context, models: tuple[str, ...], again: bool) -> None:
    from recipe_kb.site.make_cells import make_cells
    from recipe_kb.store.names import find_model

    session = session_of(ctx)
    named = [find_model(session.store, name) for name in models] or session.store.model_ids()
    for model_id, count in make_cells(_place(session, None, None), named, again=again):
        if not session.quiet:
            words = ngettext("{model}: {count} cell worked out", "{model}: {count} cells worked out", count)
            click.echo(words.format(model=model_id, count=count), err=True)


@click.pass_context
def _accept(ctx: click.Context, pages: tuple[Path, ...]) -> None:
    from recipe_kb.site.accept import accept_page

    session = session_of(ctx)
    for path in pages:
        accept_page(_place(session, None, None), path.resolve())
        if not session.quiet:
            click.echo(_("{page}: compared with its original").format(page=path), err=True)


def _place(session: Session, out: Path | None, url: str | None) -> "Place":
    from recipe_kb.site.place import checkout_of, place_of

    build_folder: Any = out.resolve() if out else None
    return place_of(session.store, checkout_of(session.store), build_folder, url)
