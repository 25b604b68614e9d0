"""Predicted memory as a person reads it: the verdict, bars of what fills the card, figures, what to do next."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from recipe_kb.cli.group import Session, terminal_width
from recipe_kb.cli.output import columns, paragraph, setting, title
from recipe_kb.cli.predict_answer import Predicted, heading, notes, verdict
from recipe_kb.i18n import _, gib, number, percent
from recipe_kb.memory.part_names import part_names

_NEGLIGIBLE_BYTES = 2**30 / 200
"""Parts that would print as 0.00 GiB."""
_BAR = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"
_TERA = 1e12
_ONE_LINE = 200
"""Commands are not wrapped: they are copied."""


def print_predicted(
    predicted: Predicted, session: Session, params: Sequence[click.Parameter], options: Mapping[str, Any]
) -> None:
    """Print one prediction.

    Args:
        predicted: What was found.
        session: Language, and whether to be brief.
        params: Parameters of the command, for the commands to go on with.
        options: Their values.
    """
    width = terminal_width()
    click.secho(heading(predicted), bold=True)
    paragraph(_origin(predicted), width)
    click.echo()
    click.secho(verdict(predicted), fg="green" if predicted.prediction.fits else "red", bold=True)
    title(_("What lives at the peak"))
    columns(list(_bars(predicted)), width)
    title(_("Figures"))
    columns(list(_figures(predicted)), width)
    remarks = list(notes(predicted, session.language))
    if remarks:
        title(_("Good to know"))
        for remark in remarks:
            paragraph(remark, width, "- ")
    if not session.quiet:
        title(_("Next"))
        columns(list(_next(predicted, params, options)), _ONE_LINE)


def _origin(predicted: Predicted) -> str:
    """Say which recipe it starts from, and what is changed."""
    wish = predicted.wish
    changes = [f"{name} {setting(name, old)} -> {setting(name, new)}" for name, (old, new) in wish.changes.items()]
    if not changes:
        return _("recipe {id}").format(id=wish.recipe_id)
    return _("recipe {id} with {changes}").format(id=wish.recipe_id, changes=", ".join(changes))


def _bars(predicted: Predicted) -> Iterator[tuple[str, str, str]]:
    """Yield a bar for each part, as long as its share of the card, or of what is used where that is more."""
    prediction = predicted.prediction
    whole = max(predicted.total_bytes, prediction.device_used_bytes)
    for name, words in part_names().items():
        size = prediction.breakdown.get(name, 0)
        if size > _NEGLIGIBLE_BYTES:
            yield words, gib(size), _bar(size / whole)
    yield "= " + _("used"), gib(prediction.device_used_bytes), _bar(prediction.device_used_bytes / whole)
    yield "  " + _("on the GPU"), gib(predicted.total_bytes), _bar(predicted.total_bytes / whole)


def _bar(share: float) -> str:
    full, rest = divmod(round(share * _BAR * 8), 8)
    return ("█" * full + _EIGHTHS[rest].strip()) or _EIGHTHS[1]


def _figures(predicted: Predicted) -> Iterator[tuple[str, str, str]]:
    prediction = predicted.prediction
    low, high = prediction.interval
    yield _("allocated"), gib(prediction.peak_allocated_bytes), _("most that tensors hold at once")
    between = _("most that the caching allocator holds; {low} to {high} are to be expected")
    yield _("reserved"), gib(prediction.peak_reserved_bytes), between.format(low=gib(low), high=gib(high))
    yield _("device"), gib(prediction.device_used_bytes), _("the same with the CUDA context, as nvidia-smi counts it")
    kept = _("most that the allocator may reserve; {margin} of the peak must stay free")
    yield _("limit"), gib(prediction.limit_bytes), kept.format(margin=percent(prediction.margin))
    rows = _("largest per_device_train_batch_size that fits, all else equal")
    yield _("largest batch"), str(prediction.largest_batch), rows
    if prediction.num_alloc_retries:
        retries = _("times the allocator has to give its cache back to go on; that is slow")
        yield _("retries"), str(prediction.num_alloc_retries), retries
    if predicted.floor:
        yield _("time per step"), f"≥ {number(predicted.floor.seconds, 3)} s", _bound(predicted)
    traced = ", ".join(f"{name} {version}" for name, version in predicted.found.versions.items())
    sources = {"stored": _("of the knowledge base, traced with {versions}"), "traced": _("traced now with {versions}")}
    yield _("step"), predicted.found.source, sources[predicted.found.source].format(versions=traced)


def _bound(predicted: Predicted) -> str:
    """Say what bounds the time of a step, and what that means for the throughput."""
    bound, question = predicted.floor, predicted.found.question
    assert bound is not None  # noqa: S101 - only asked where there is one
    if bound.bound == "compute":
        what = _("bound by compute, {work} TFLOP at the dense peak of {peak} TFLOP/s").format(
            work=number(predicted.prediction.flops / _TERA), peak=number(bound.peak_tflops, 0)
        )
    else:
        what = _("bound by bandwidth, over which weights, gradients and optimizer state go")
    samples = question.rows * question.plan.accumulation / bound.seconds
    return _("{why}: at most {rate} samples per second").format(why=what, rate=number(samples, 0))


def _next(
    predicted: Predicted, params: Sequence[click.Parameter], options: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    wish, prediction = predicted.wish, predicted.prediction

    def again(**changes: Any) -> str:
        return " ".join(["kb predict", *typed(params, {**options, "plot": None, **changes})])

    if not prediction.fits:
        if prediction.largest_batch:
            yield again(batch=prediction.largest_batch), _("the largest batch that fits")
        elif not wish.asked.settings.gradient_checkpointing:
            yield again(gradient_checkpointing=True), _("recompute activations instead of keeping them")
    elif not (wish.changes or wish.nothing_fits or wish.answer.recipe.refuted):
        yield f"kb validate {wish.recipe_id}", _("train with it briefly on this machine")
    if not wish.nothing_fits:
        yield f"kb show {wish.recipe_id}", _("all settings of the recipe")
    if options["plot"] is None:
        yield again(plot="memory.svg"), _("the same as a picture")


def typed(params: Sequence[click.Parameter], options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words that give these options on the command line."""
    for param in params:
        value = options.get(param.name or "")
        if value is None or (isinstance(param, click.Option) and value == param.default):
            continue
        if isinstance(param, click.Option) and param.is_flag:
            yield from param.opts[:1] if value else param.secondary_opts[:1]
        elif isinstance(param, click.Option):
            yield from (param.opts[0], shlex.quote(str(value)))
        else:
            yield shlex.quote(str(value))
