"""`kb diff`: two recipes, setting by setting, with what each change does."""

from typing import Any

import click

from recipe_kb.cli.group import session_of, terminal_width
from recipe_kb.cli.output import columns, print_json, setting, title
from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.i18n import _, gib
from recipe_kb.resolve.answer import Answer
from recipe_kb.resolve.diff import compare

_NEGLIGIBLE_BYTES = 2**30 / 200
"""Changes that would print as 0.00 GiB."""


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "diff",
        callback=_run,
        params=[click.Argument(["a"]), click.Argument(["b"])],
        help=_(
            "Compare two recipes: which settings differ, and what each change does to memory.\n\n"
            "Example: kb diff t4/biobert/8t-512-full t4/biobert/8t-256-full"
        ),
        short_help=_("Two recipes, setting by setting."),
    )


@click.pass_context
def _run(ctx: click.Context, a: str, b: str) -> None:
    session = session_of(ctx)
    first, second = answer_id(session.store, a), answer_id(session.store, b)
    changes = compare(session.store, first, second)
    if session.as_json:
        document: dict[str, Any] = {
            "schema": "kb-diff/1",
            "a": first.recipe_id,
            "b": second.recipe_id,
            "changes": [change.__dict__ for change in changes],
            "effective_batch_size": [first.effective_batch_size, second.effective_batch_size],
            "peak_reserved_bytes": [first.memory.peak_reserved_bytes, second.memory.peak_reserved_bytes],
        }
        print_json(document)
        return
    width = terminal_width()
    title(f"{first.recipe_id} -> {second.recipe_id}")
    rows = [
        (
            change.setting,
            setting(change.setting, change.a),
            setting(change.setting, change.b),
            _effect(change.memory_bytes),
        )
        for change in changes
    ]
    columns(rows or [(_("All settings are the same."), "")], width)
    title(_("Together"))
    columns(_totals(first, second), width)


def _effect(memory_bytes: int | None) -> str:
    if memory_bytes is None or abs(memory_bytes) < _NEGLIGIBLE_BYTES:
        return ""
    sign = "+" if memory_bytes > 0 else "-"
    return _("memory {sign}{size}, predicted").format(sign=sign, size=gib(abs(memory_bytes)))


def _totals(first: Answer, second: Answer) -> list[tuple[str, str, str, str]]:
    before, after = first.memory, second.memory
    change = after.peak_reserved_bytes - before.peak_reserved_bytes
    batches = (str(first.effective_batch_size), str(second.effective_batch_size))
    kept = (
        _("the effective batch is the same")
        if batches[0] == batches[1]
        else _("move the learning rate, rule sqrt-adam")
    )
    return [
        ("effective_batch_size", *batches, kept),
        (
            _("memory"),
            gib(before.peak_reserved_bytes),
            gib(after.peak_reserved_bytes),
            _effect(change if before.method == after.method else None),
        ),
    ]
