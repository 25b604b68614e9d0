"""What `kb tune` has found as a person reads it: the batch, the table behind it, what to do next."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from recipe_kb.cli.group import Session, terminal_width
from recipe_kb.cli.output import columns, paragraph, setting, title
from recipe_kb.cli.predict_text import typed
from recipe_kb.cli.tune_answer import heading, notes, unsafe_words, verdict
from recipe_kb.cli.tune_record import Recorded
from recipe_kb.i18n import _, gib, number
from recipe_kb.schema.reasons import in_language
from recipe_kb.tune.tuned import Row, Tuned

_ONE_LINE = 10_000
"""Wide enough for any row: a command is copied whole."""


def print_tuned(
    tuned: Tuned,
    recorded: Recorded | None,
    session: Session,
    params: Sequence[click.Parameter],
    options: Mapping[str, Any],
) -> None:
    """Print one answer.

    Args:
        tuned: What was found.
        recorded: The files that were written, if any.
        session: Language, and whether to be brief.
        params: Parameters of the command, for the commands to go on with.
        options: Their values.
    """
    width = terminal_width()
    click.secho(heading(tuned), bold=True)
    paragraph(_("from recipe {id}").format(id=tuned.start.answer.recipe_id), width)
    if tuned.why_predicted:
        paragraph(_("Prediction only: {why}.").format(why=tuned.why_predicted), width)
    click.echo()
    click.secho(verdict(tuned), fg="green" if tuned.recommended else "red", bold=True)
    click.echo()
    columns(list(_table(tuned)), _ONE_LINE)
    _print_changes(tuned, width)
    remarks = list(notes(tuned, session.language))
    if remarks:
        title(_("Good to know"))
        for remark in remarks:
            paragraph(remark, width, "- ")
    if recorded:
        title(_("Recorded"))
        columns([(str(recorded.recipe),), (str(recorded.evidence),)], _ONE_LINE)
    if not session.quiet:
        title(_("Next"))
        columns(list(_next(tuned, recorded, params, options)), _ONE_LINE)


def _table(tuned: Tuned) -> Iterator[tuple[str, ...]]:
    """Yield a header and a row per batch; what was not measured has the bounds of the prediction."""
    measured = tuned.search is not None
    rate = _("samples/s") if measured else _("samples/s at most")
    peaks = (_("reserved"), _("predicted")) if measured else (_("predicted"),)
    floor = () if measured else (_("s per step at least"),)
    yield ("", _("batch"), _("accumulation"), _("learning rate"), *floor, rate, *peaks, _("result"))
    for row in tuned.rows():
        shape, forecast = row.shape, row.forecast
        mark = ">" if shape == tuned.recommended else ""
        figures = (str(shape.batch), str(shape.accumulation))
        learning_rate = setting("learning_rate", tuned.start.settings(shape).learning_rate)
        cells = (mark, *figures, learning_rate)
        if measured:
            yield (*cells, *_measured(row), gib(forecast.reserved_bytes), _result(row, tuned))
        else:
            floor_s, most = forecast.step_floor_s, forecast.most_samples_per_s
            least = "-" if floor_s is None else number(floor_s, 3)
            bound = "-" if most is None else number(most, 0)
            yield (*cells, least, bound, gib(forecast.reserved_bytes), _result(row, tuned))


def _measured(row: Row) -> tuple[str, str]:
    if row.trial is None:
        return "-", "-"
    rate, peak = row.trial.measurement.samples_per_s, row.trial.measurement.peak_reserved_bytes
    return "-" if rate is None else number(rate, 1), "-" if peak is None else gib(peak)


def _result(row: Row, tuned: Tuned) -> str:
    if row.trial is None:
        return _("predicted to fit") if row.fits else _("predicted not to fit")
    if row.trial.unsafe is None:
        return _("the fastest safe one") if row.shape == tuned.recommended else _("safe")
    words = unsafe_words(row.trial.unsafe)
    evidence = row.trial.measurement.evidence
    if row.trial.unsafe == "failed" and evidence is not None and evidence.reason:
        words += f" ({in_language(evidence.reason)})"
    return words


def _print_changes(tuned: Tuned, width: int) -> None:
    """Print the settings that differ from those of the recipe, as they are typed into a configuration."""
    if tuned.recommended is None:
        return
    before, after = tuned.start.answer.recipe.settings, tuned.start.settings(tuned.recommended)
    rows = [
        (name, f"{setting(name, getattr(before, name))} -> {setting(name, value)}")
        for name, value in after.given().items()
        if value != getattr(before, name)
    ]
    if rows:
        title(_("Changes to the recipe"))
        columns(rows, width)


def _next(
    tuned: Tuned, recorded: Recorded | None, params: Sequence[click.Parameter], options: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    def again(**changes: Any) -> str:
        return " ".join(["kb tune", *typed(params, {**options, "plot": None, **changes})])

    if recorded:
        yield f"kb show {tuned.start.answer.recipe_id}", _("all settings of the recipe")
    elif tuned.search is not None and tuned.recommended:
        yield again(record=True), _("keep it as a recipe with its evidence")
    if not tuned.start.grows:
        yield again(scale_lr=True), _("let the effective batch grow")
    if options["plot"] is None:
        yield again(plot="tune.svg"), _("the same as a picture")
