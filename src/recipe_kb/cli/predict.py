"""`kb predict`: will it fit, and what fills the memory. No GPU is needed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from recipe_kb.cli.group import Session, session_of
from recipe_kb.cli.output import print_json
from recipe_kb.cli.predict_limits import PREDICTED_ATTENTION
from recipe_kb.cli.recipe import cell_options
from recipe_kb.errors import BadInputError, CannotHereError, Exit, Problem
from recipe_kb.i18n import _
from recipe_kb.memory.schedule import Loop
from recipe_kb.schema.base import Optimizer, Precision, TaskMixing
from recipe_kb.schema.reasons import in_language

if TYPE_CHECKING:
    from recipe_kb.cli.predict_answer import Predicted
    from recipe_kb.tracing.question import Asked, Found

_NEEDED_TO_TRACE = ("torch", "transformers", "accelerate", "peft")
_MOST_ROWS = 1 << 16


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "predict",
        callback=_run,
        params=[
            click.Argument(["recipe_id"], required=False, metavar="[RECIPE_ID]"),
            *_cell_options(),
            *_setting_options(),
            *_run_options(),
            click.Option(["--trace"], is_flag=True, help=_("Trace now, with the packages installed here.")),
            click.Option(
                ["--plot"],
                type=click.Path(path_type=Path),
                metavar="OUT.svg",
                help=_("Draw memory over the step, and what fills it at the peak."),
            ),
        ],
        help=_(
            "Predict peak GPU memory of a recipe, or of a recipe with other settings; no GPU is needed.\n\n"
            "Examples: kb predict t4/biobert/8t-512-full --batch 48,\n"
            "kb predict --gpu t4 --model biobert --tasks 8 --plot memory.svg"
        ),
        short_help=_("Peak memory: will it fit, and what fills it."),
    )


def _cell_options() -> list[click.Parameter]:
    """Return the options that name a cell; with an id most of them are said already, so that none has a default."""
    options = cell_options()
    for option in options:
        option.required, option.default = False, None
    return options


def _setting_options() -> list[click.Parameter]:
    """Return the options that change a setting of the recipe."""
    rows = click.IntRange(1, _MOST_ROWS)
    return [
        click.Option(["--batch"], type=rows, help=_("Rows of a micro-batch on one device.")),
        click.Option(["--accumulation"], type=rows, help=_("Micro-batches per optimizer step.")),
        click.Option(["--precision"], type=click.Choice(get_args(Precision)), help=_("Precision of the computation.")),
        click.Option(["--tf32/--no-tf32"], default=None, help=_("TF32 in float32 products; changes time only.")),
        click.Option(["--optim"], type=click.Choice(get_args(Optimizer)), help=_("Optimizer.")),
        click.Option(["--attention"], type=click.Choice(PREDICTED_ATTENTION), help=_("Attention kernel.")),
        click.Option(
            ["--gradient-checkpointing/--no-gradient-checkpointing"],
            default=None,
            help=_("Recompute activations in the backward pass."),
        ),
        click.Option(["--lora-r"], type=click.IntRange(1, 4096), help=_("Rank of the adapters.")),
        click.Option(["--mixing"], type=click.Choice(get_args(TaskMixing)), help=_("How tasks share a step.")),
    ]


def _run_options() -> list[click.Parameter]:
    """Return the options about how it runs, which no recipe says."""
    return [
        click.Option(
            ["--evaluation-batch"], type=click.IntRange(0, _MOST_ROWS), help=_("Rows of an evaluation; 0 for none.")
        ),
        click.Option(
            ["--evaluation-samples"],
            type=click.IntRange(1, 1 << 20),
            help=_("Rows whose logits stay on the GPU until the evaluation ends, as to compute metrics."),
        ),
        click.Option(["--dynamic-padding"], is_flag=True, help=_("Micro-batches are padded to their longest row.")),
        click.Option(["--no-padding"], is_flag=True, help=_("Every row has full length, so that there is no mask.")),
        click.Option(
            ["--loop"],
            type=click.Choice(get_args(Loop)),
            default="trainer",
            help=_("Trainer, or a bare loop that keeps outputs and batch until they are made again."),
        ),
    ]


@click.pass_context
def _run(ctx: click.Context, /, **options: Any) -> int:
    from recipe_kb.cli.predict_answer import Predicted, heading, measured_bytes, to_json, verdict
    from recipe_kb.cli.predict_asked import wish_of
    from recipe_kb.memory.predict import predict

    session = session_of(ctx)
    wish = wish_of(session, options)
    found = _find(session, wish.recipe_id, wish.asked)
    prediction = predict(found.question)
    predicted = Predicted(
        wish=wish,
        found=found,
        prediction=prediction,
        fits_from=None if prediction.fits else _fits_from(session, wish.asked),
        measured_bytes=measured_bytes(session.store, wish),
    )
    if options["plot"] is not None:
        _plot(options["plot"], predicted, heading(predicted), verdict(predicted))
    if session.as_json:
        print_json(to_json(predicted, session.language))
    else:
        from recipe_kb.cli.predict_text import print_predicted

        print_predicted(predicted, session, ctx.command.params, options)
    return Exit.DONE if predicted.prediction.fits else Exit.FINDING


def _find(session: Session, recipe_id: str, asked: "Asked") -> "Found":
    """Find the step, in the knowledge base or by tracing it.

    Raises:
        BadInputError: The network cannot be trained so.
        CannotHereError: It would have to be traced, and a package is missing or what it does cannot be followed.
    """
    from recipe_kb.tracing.question import TraceFailedError, refusal, stored_question, traced_question
    from recipe_kb.training.unsupported import UnsupportedError

    found = stored_question(session.store, asked)
    if found is not None:
        return found
    reason = None if asked.traces else refusal(session.store, asked)
    if reason is None:
        missing = [name for name in _NEEDED_TO_TRACE if find_spec(name) is None]
        if missing:
            what = _("The knowledge base holds no traced step for this, and tracing needs packages: {names}.")
            what = what.format(names=", ".join(missing))
            raise CannotHereError(Problem(code="KB301", what=what, next_command="pip install 'recipe-kb[probe]'"))
        try:
            with _progress(session, recipe_id):
                return traced_question(session.store, asked)
        except UnsupportedError as error:
            reason = str(error)
        except TraceFailedError as error:
            what = _("The training step cannot be traced with the packages installed here: {why}.").format(why=error)
            raise CannotHereError(Problem(code="KB304", what=what, next_command="kb doctor")) from error
    what = _("{model} cannot be trained so: {why}.").format(model=asked.key.model, why=in_language(reason))
    raise BadInputError(Problem(code="KB217", what=what, next_command=f"kb show {asked.key.model}"))


def _fits_from(session: Session, asked: "Asked") -> int | None:
    """Return on how many cards these very settings fit with FSDP, where their step is stored."""
    from recipe_kb.memory.parallel import is_sharded
    from recipe_kb.memory.predict import batch_fits
    from recipe_kb.resolve.several import COUNTS
    from recipe_kb.tracing.question import stored_question

    if not is_sharded(asked.key.method, asked.settings.optim) or asked.evaluation_samples:
        return None
    for count in COUNTS:
        key = replace(asked.key, num_gpus=count)
        found = stored_question(session.store, replace(asked, key=key, parallel="fsdp"))
        if found is not None and count > asked.key.num_gpus and batch_fits(found.question, found.question.rows):
            return count
    return None


@contextmanager
def _progress(session: Session, recipe_id: str) -> Iterator[None]:
    """Show on a terminal that something is going on; tracing a large network takes a while."""
    what = _("Tracing one training step of {id} ...").format(id=recipe_id)
    if session.quiet or not sys.stderr.isatty():
        if not session.quiet:
            click.echo(what, err=True)
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def _plot(path: Path, predicted: "Predicted", heading: str, verdict: str) -> None:
    from recipe_kb.memory.plot import Picture, draw
    from recipe_kb.memory.predict import run_of
    from recipe_kb.memory.timeline import timeline

    question = predicted.found.question
    picture = Picture(
        heading=heading,
        verdict=verdict,
        timeline=timeline(run_of(question, question.rows), question.limit_bytes),
        breakdown=predicted.prediction.breakdown,
        total_bytes=question.total_bytes,
    )
    try:
        path.write_text(draw(picture), encoding="utf-8")
    except OSError as error:
        what = _("--plot: {why}.").format(why=error.strerror)
        problem = Problem(code="KB216", what=what, where=str(path), next_command="kb predict --help")
        raise BadInputError(problem) from error
