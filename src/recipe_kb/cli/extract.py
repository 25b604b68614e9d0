"""`kb extract`: the configurations in guides, notebooks, scripts and files of settings, in our names."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from recipe_kb.cli.group import Session, session_of, terminal_width
from recipe_kb.cli.output import columns, print_json, setting, title
from recipe_kb.errors import BadInputError, KbError, Problem
from recipe_kb.i18n import _, ngettext
from recipe_kb.schema.configuration import Configuration

SCHEMA = "kb-extract/1"
_CONTEXT = ("gpu", "model", "tasks", "max_length", "num_samples", "method", "num_gpus")
_SKIPPED = frozenset(
    {".git", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", "site-packages"}
)


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "extract",
        callback=_run,
        params=[
            click.Argument(["paths"], nargs=-1, required=True, metavar="PATH..."),
            click.Option(
                ["--draft"],
                type=click.Path(file_okay=False, path_type=Path),
                metavar="DIR",
                help=_("Write a draft of a recipe for each configuration into this folder."),
            ),
        ],
        help=_(
            "Find training configurations in Markdown, YAML, JSON, TOML, notebooks, Python and shell scripts, and name "
            "their settings as recipes do. Files are parsed, never run. A folder is searched; - reads the standard "
            "input.\n\n"
            "Example: kb extract guide.md train.py"
        ),
        short_help=_("Configurations found in documents and code."),
    )


@click.pass_context
def _run(ctx: click.Context, paths: tuple[str, ...], draft: Path | None) -> None:
    from recipe_kb.extract.read import configurations_in

    session = session_of(ctx)
    found: list[Configuration] = []
    warnings: list[Problem] = []
    problems: list[Problem] = []
    for source, name, asked in _files(paths):
        try:
            extracted = configurations_in(source, name, session.store)
        except KbError as error:
            (problems if asked else warnings).extend(error.problems)
            continue
        found += extracted.configurations
        warnings += extracted.warnings
    drafts = _write_drafts(session, found, draft) if draft else {}
    if session.as_json:
        print_json(_document(found, warnings, drafts))
    else:
        for problem in warnings if not session.quiet else ():
            click.echo(problem, err=True)
        for configuration in found:
            _print(configuration, drafts.get(id(configuration)))
        if not session.quiet:
            _talk(found)
    if problems:
        raise BadInputError(*problems)


def _files(paths: tuple[str, ...]) -> Iterator[tuple[Path | bytes, str, bool]]:
    """Yield content or path, name, and whether the user named this very file."""
    from recipe_kb.extract.kind import kind_of

    for typed in paths:
        if typed == "-":
            yield sys.stdin.buffer.read(), "-", True
            continue
        path = Path(typed)
        if not path.is_dir():
            yield path, typed, True
            continue
        for folder, folders, names in path.walk() if hasattr(path, "walk") else _walk(path):
            folders[:] = sorted(name for name in folders if name not in _SKIPPED)
            for name in sorted(names):
                if kind_of(name):
                    yield folder / name, str(folder / name), False


def _walk(path: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    import os

    for folder, folders, names in os.walk(path):
        yield Path(folder), folders, names


def _document(found: list[Configuration], warnings: list[Problem], drafts: dict[int, Path]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "configurations": [_json(one, drafts.get(id(one))) for one in found],
        "warnings": [{"code": one.code, "where": one.where, "what": one.what} for one in warnings],
    }


def _json(configuration: Configuration, draft: Path | None) -> dict[str, Any]:
    context = {name: value for name, value in vars(configuration.context).items() if name != "lines"}
    return {
        "file": configuration.file,
        "lines": list(configuration.lines),
        "kind": configuration.kind,
        "label": configuration.label,
        "context": {**context, "lines": dict(configuration.context.lines)},
        "settings": {one.name: one.value for one in configuration.settings},
        "written": [asdict(one) for one in configuration.settings],
        "not_understood": [asdict(one) for one in configuration.not_understood],
        **({"draft": str(draft)} if draft else {}),
    }


def _print(configuration: Configuration, draft: Path | None) -> None:
    first, last = configuration.lines
    where = f"{configuration.file}:{first}" + (f"-{last}" if last > first else "")
    label = {"before": _("before"), "after": _("after")}.get(configuration.label, configuration.label)
    title(f"{where}  {label}".rstrip())
    context = configuration.context
    said = [f"{name} {value}" for name, value in vars(context).items() if name in _CONTEXT and value is not None]
    if said:
        click.echo("  " + _("for: {what}").format(what=", ".join(said)))
    rows = [
        (one.name, setting(one.name, one.value), "" if one.written_name == one.name else one.written_name)
        for one in configuration.settings
    ]
    width = terminal_width()
    columns(rows, width)
    if configuration.not_understood:
        click.echo("  " + _("not understood:"))
        columns([(f"  {one.name}", one.text, one.why) for one in configuration.not_understood], width)
    if draft:
        click.echo("  " + _("draft: {path}").format(path=draft))


def _talk(found: list[Configuration]) -> None:
    files = len({one.file for one in found})
    if not found:
        click.echo(_("No training configuration was found."), err=True)
        return
    what = ngettext("{count} configuration", "{count} configurations", len(found)).format(count=len(found))
    where = ngettext("in {count} file", "in {count} files", files).format(count=files)
    click.echo(f"\n{what} {where}", err=True)


def _write_drafts(session: Session, found: list[Configuration], folder: Path) -> dict[int, Path]:
    """Write a draft for each configuration; return where each stands."""
    from recipe_kb.cli.extract_draft import write_draft

    written: dict[int, Path] = {}
    for configuration in found:
        if configuration.settings:
            written[id(configuration)] = write_draft(session.store, configuration, folder, set(written.values()))
    return written
