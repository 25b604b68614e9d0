"""How answers are printed: JSON, numbers, sections and tables.

Tables that a start waits for are laid out here with click; rich is imported only for the others.
"""

import json
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import click

from recipe_kb.i18n import _, ngettext
from recipe_kb.units import scientific

_INDENT = 2
_DEEPEST_HANG = 4
"""Text after a long marker goes on under its start, not under its end."""


def print_json(value: Any) -> None:
    """Print an object for programs; Vietnamese stays readable."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def setting(name: str, value: Any) -> str:
    """Write a setting as it is typed into a configuration."""
    if name in {"learning_rate", "adam_epsilon"} and isinstance(value, float):
        return scientific(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value)


def title(text: str) -> None:
    """Print the heading of a section."""
    click.echo()
    click.secho(text, bold=True)


def paragraph(text: str, width: int, first: str = "", indent: int = _INDENT) -> None:
    """Print wrapped text, the first line after a marker."""
    margin = " " * indent
    hanging = margin + " " * min(display_width(first), _DEEPEST_HANG)
    click.echo(
        textwrap.fill(text, width, initial_indent=margin + first, subsequent_indent=hanging, break_on_hyphens=False)
    )


def columns(rows: Sequence[Sequence[str]], width: int) -> None:
    """Print rows in columns as wide as their content; the last column wraps."""
    if not rows:
        return
    widths = [max(display_width(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    hanging = " " * (_INDENT + sum(widths) + 2 * len(widths))
    for row in rows:
        start = " " * _INDENT + "".join(
            cell + " " * (size - display_width(cell) + 2) for cell, size in zip(row, widths, strict=False)
        )
        click.echo(
            textwrap.fill(row[-1], width, initial_indent=start, subsequent_indent=hanging, break_on_hyphens=False)
            if row[-1]
            else start.rstrip()
        )


def display_width(text: str) -> int:
    """Count terminal columns; a combining mark takes none."""
    return sum(not unicodedata.combining(char) for char in click.unstyle(text))


def bar(share: float, *, risky: bool, width: int = 30) -> str:
    """Draw a share of 1 as a bar; over 1 it is full and ends in an arrow."""
    filled = min(width, round(share * width))
    colour = "red" if share > 1 else "yellow" if risky else "green"
    drawn = click.style("█" * filled, fg=colour) + "░" * (width - filled)
    return f"[{drawn}{'▶' if share > 1 else ''}]"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table that folds to the terminal; with a pipe every row stays on one line, columns by tabs."""
    import sys

    rows = list(rows)
    if not sys.stdout.isatty():
        for row in (headers, *rows):
            click.echo("\t".join(row))
        return
    firsts = [row[0] for row in rows]  # ids are copied, so they are never cut
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    drawn.add_column(headers[0], no_wrap=True, overflow="fold", min_width=max(map(len, firsts), default=0))
    for header in headers[1:]:
        drawn.add_column(header, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(drawn)


def kind_name(kind: str, count: int = 1) -> str:
    """Name a kind of record in the active language."""
    names = {
        "gpu": ngettext("GPU", "GPUs", count),
        "model": ngettext("model", "models", count),
        "recipe": ngettext("recipe", "recipes", count),
        "claim": ngettext("claim", "claims", count),
        "guide": ngettext("guide", "guides", count),
        "rule": ngettext("rule", "rules", count),
        "source": ngettext("source", "sources", count),
        "term": ngettext("term", "terms", count),
        "memory": ngettext("traced model", "traced models", count),
        "layout": ngettext("layout", "layouts", count),
        "evidence": ngettext("evidence file", "evidence files", count),
        "sign": ngettext("sign", "signs", count),
    }
    return names[kind.removesuffix("s")]


def field_name(name: str) -> str:
    """Name a field that holds prose."""
    names = {
        "statement": _("statement"),
        "reason": _("reason"),
        "caveat": _("caveat"),
        "title": _("title"),
        "note": _("note"),
        "meaning": _("meaning"),
        "subject": _("subject"),
    }
    return names.get(name, name)
