"""`kb diff`: two configurations of any kind, setting by setting, with what each change does."""

from typing import Any

import click

from recipe_kb.cli.diff_sides import sides_of
from recipe_kb.cli.group import session_of, terminal_width
from recipe_kb.cli.output import columns, paragraph, print_json, setting, title
from recipe_kb.i18n import _, gib
from recipe_kb.resolve.diff import Change, Comparison, compare_sides
from recipe_kb.resolve.effect import Effect, Moved, rate_that_goes_with
from recipe_kb.resolve.side import Side

_NEGLIGIBLE_BYTES = 2**30 / 200
"""Changes that would print as 0.00 GiB."""


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "diff",
        callback=_run,
        params=[
            click.Argument(["a"]),
            click.Argument(["b"], required=False),
            click.Option(["--gpu"], help=_("Card that a file is for, where the file does not say it.")),
            click.Option(["--model"], help=_("Model that a file is for, where the file does not say it.")),
            click.Option(
                ["--max-length"],
                type=click.IntRange(8, 1 << 20),
                help=_("Tokens per sample, where a file does not say it."),
            ),
            click.Option(
                ["--tasks"],
                type=click.IntRange(1, 64),
                help=_("Number of training tasks, where a file does not say it."),
            ),
        ],
        help=_(
            "Compare two configurations: which settings differ, and what each change does to memory, effective batch, "
            "learning rate and speed.\n\n"
            "A and B are recipe ids, files, or places in files (guide.md:12). Where a file holds a before and an after "
            "at that place, leave B out.\n\n"
            "Example: kb diff t4/biobert/8t-512-full t4/biobert/8t-256-full"
        ),
        short_help=_("Two configurations, setting by setting."),
    )


@click.pass_context
def _run(ctx: click.Context, /, a: str, b: str | None, **cell: Any) -> None:
    session = session_of(ctx)
    from recipe_kb.dialects.training_arguments import DEFAULTS

    first, second = sides_of(session, a, b, cell)
    found = compare_sides(session.store, first, second, DEFAULTS)
    if session.as_json:
        print_json(_document(first, second, found))
    else:
        _print(first, second, found)


def _document(first: Side, second: Side, found: Comparison) -> dict[str, Any]:
    memory = found.memory
    return {
        "schema": "kb-diff/2",
        "a": first.name,
        "b": second.name,
        "changes": [
            vars(change) | {"effects": [vars(effect) for effect in change.effects]} for change in found.changes
        ],
        "same_as_default": list(found.same_as_default),
        "only_in_recipe": list(found.only_in_recipe),
        "effective_batch_size": list(found.effective_batch_size),
        "peak_reserved_bytes": [one.peak_reserved_bytes if one else None for one in memory],
        "memory_method": [one.method if one else None for one in memory],
        "base": [side.base.recipe_id if side.base else None for side in (first, second)],
        "evidence": [_evidence(side) for side in (first, second)],
    }


def _evidence(side: Side) -> list[str]:
    return [record["path"] for record in side.base.evidence] if side.is_recipe and side.base else []


def _print(first: Side, second: Side, found: Comparison) -> None:
    width = terminal_width()
    title(f"{first.name} -> {second.name}")
    if not found.changes:
        paragraph(_("All settings are the same."), width)
    for change in found.changes:
        values = f"{_value(change, change.a)} -> {_value(change, change.b)}"
        columns([(change.setting, values)], width)
        lines = [_memory(change.memory_bytes), *map(_effect, change.effects)]
        for line in filter(None, lines):
            paragraph(line, width, "- ", indent=4)
    title(_("Together"))
    columns(_totals(first, second, found), width)
    for line in _remarks(first, second, found):
        paragraph(line, width)


def _effect(effect: Effect) -> str:
    reference = effect.reference + ", " + _("predicted") if effect.predicted else effect.reference
    return f"{_topic(effect.on)}: {effect.text} [{reference}]"


def _topic(on: str) -> str:
    names = {
        "memory": _("memory"),
        "effective_batch": _("effective batch"),
        "learning_rate": _("learning rate"),
        "speed": _("speed"),
    }
    return names[on]


def _value(change: Change, value: Any) -> str:
    if value is not None:
        return setting(change.setting, value)
    if change.default is None:
        return _("not said")
    return _("not said ({default})").format(default=setting(change.setting, change.default))


def _memory(memory_bytes: int | None) -> str:
    if memory_bytes is None or abs(memory_bytes) < _NEGLIGIBLE_BYTES:
        return ""
    sign = "+" if memory_bytes > 0 else "-"
    size = gib(abs(memory_bytes))
    return _("memory {sign}{size}, predicted").format(sign=sign, size=size) + " [rule:memory-estimate]"


def _totals(first: Side, second: Side, found: Comparison) -> list[tuple[str, str, str, str]]:
    rows = []
    before, after = found.effective_batch_size
    if before is not None or after is not None:
        kept = ""
        if before is not None and after is not None:
            kept = _("the effective batch is the same") if before == after else _rate_line(first, second, found)
        rows.append(("effective_batch_size", setting("", before), setting("", after), kept))
    one, other = found.memory
    if one and other:
        change = other.peak_reserved_bytes - one.peak_reserved_bytes
        told = _memory(change).partition(" [")[0] if one.method == other.method else ""
        rows.append((_("memory"), gib(one.peak_reserved_bytes), gib(other.peak_reserved_bytes), told))
    return rows


def _rate_line(first: Side, second: Side, found: Comparison) -> str:
    from recipe_kb.dialects.training_arguments import DEFAULTS

    moved = Moved(
        first=first.settings,
        second=second.settings,
        defaults=DEFAULTS,
        effective=found.effective_batch_size,
        gpu=None,
    )
    rule = rate_that_goes_with(moved)
    return _("move the learning rate, rule {rule}").format(rule=rule[1] if rule else "sqrt-adam")


def _remarks(first: Side, second: Side, found: Comparison) -> list[str]:
    said = []
    for side, memory in zip((first, second), found.memory, strict=True):
        if side.is_recipe:
            said += [_("Evidence of {name}: {path}").format(name=side.name, path=path) for path in _evidence(side)]
        elif memory and side.base:
            what = _("Memory of {name} is predicted with what it does not say as in {recipe}.")
            said.append(what.format(name=side.name, recipe=side.base.recipe_id))
    if not all(found.memory):
        said.append(_("Memory is not predicted: name card and model with --gpu and --model, and the batch in both."))
    if found.same_as_default:
        what = _("Said by one side only, and as transformers has it anyway: {names}.")
        said.append(what.format(names=", ".join(found.same_as_default)))
    if found.only_in_recipe:
        what = _("Not compared, because the file does not say them: {names}.")
        said.append(what.format(names=", ".join(found.only_in_recipe)))
    return said
