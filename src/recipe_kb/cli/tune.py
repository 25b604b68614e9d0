"""`kb tune`: the fastest safe batch, measured on the GPU of this machine or predicted for another."""

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from recipe_kb.cli.group import Session, session_of
from recipe_kb.cli.machine import NEEDED_TO_TRAIN, inspect_machine
from recipe_kb.cli.output import print_json
from recipe_kb.cli.predict_limits import refused
from recipe_kb.cli.recipe import cell_options, gpu_named
from recipe_kb.cli.tune_record import in_the_way, record_tuned
from recipe_kb.errors import BadInputError, CannotHereError, Exit, FindingError, Problem
from recipe_kb.i18n import _
from recipe_kb.resolve.answer import DEFAULT_LENGTH, Answer
from recipe_kb.schema.base import Precision
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.names import find_gpu, find_model

if TYPE_CHECKING:
    from recipe_kb.tune.start import Start
    from recipe_kb.tune.trial import Measure
    from recipe_kb.tune.tuned import Tuned

_CELL = ("gpu", "model", "tasks", "max_length", "method")
_TIMEOUT_S = 120
_NO_OTHER_OPTIONS: dict[str, Any] = dict.fromkeys(
    ("mixing", "lora_r", "dynamic_padding", "no_padding", "evaluation_samples", "evaluation_batch")
)
"""What `kb predict` can be asked besides, and `kb tune` cannot."""


def build() -> click.Command:
    """Make the command in the active language."""
    cell = [option for option in cell_options() if option.name in _CELL]
    for option in cell:
        if option.name == "gpu":
            option.default = "auto"
    return click.Command(
        "tune",
        callback=_run,
        params=[
            *cell,
            click.Option(
                ["--precision"], type=click.Choice(get_args(Precision)), help=_("Precision of the computation.")
            ),
            click.Option(
                ["--effective-batch"],
                type=click.IntRange(1, 1 << 16),
                help=_("Samples per optimizer step to keep; those of the recipe by default."),
            ),
            click.Option(
                ["--scale-lr"],
                is_flag=True,
                help=_("Let the effective batch grow with the batch, and the learning rate by the rule for it."),
            ),
            click.Option(
                ["--steps"], type=click.IntRange(8, 10_000), help=_("Optimizer steps of a probe (enough by default).")
            ),
            click.Option(
                ["--timeout"],
                type=click.FloatRange(1, 86_400),
                default=_TIMEOUT_S,
                help=_("Seconds after which one probe is stopped."),
            ),
            click.Option(
                ["--plot"],
                type=click.Path(path_type=Path),
                metavar="OUT.svg",
                help=_("Draw throughput and memory against the batch."),
            ),
            click.Option(["--record"], is_flag=True, help=_("Keep the result as a tuned recipe with its evidence.")),
        ],
        help=_(
            "Find the fastest safe batch: at most three short trainings on the GPU of this machine, the first near "
            "the predicted limit. For another card it answers from the prediction alone.\n\n"
            "Example: kb tune --model biobert --max-length 256"
        ),
        short_help=_("The fastest safe batch on this GPU."),
    )


@click.pass_context
def _run(ctx: click.Context, /, **options: Any) -> int:
    from recipe_kb.cli.tune_answer import to_json
    from recipe_kb.tune.start import Start

    session = session_of(ctx)
    answer = _answer(session, options)
    here = inspect_machine(session.store).devices
    own = bool(here) and here[0].gpu_id == answer.key.gpu
    start = Start(
        store=session.store,
        answer=answer,
        effective=options["effective_batch"] or answer.recipe.effective_batch_size,
        grows=options["scale_lr"],
        precision=options["precision"],
        used_bytes=_used_bytes() if own else 0,
    )
    _refuse(start, options, own=own)
    tuned = _measured(session, start, options) if own else _predicted(start, here[0].name if here else None)
    recorded, not_recorded = record_tuned(session.store, tuned) if options["record"] else (None, None)
    if session.as_json:
        print_json(to_json(tuned, recorded, session.language))
    else:
        from recipe_kb.cli.tune_text import print_tuned

        print_tuned(tuned, recorded, session, ctx.command.params, options)
    if options["plot"] is not None:
        _plot(options["plot"], tuned)
    if not_recorded:
        raise not_recorded
    if any(trial.measurement.verdict == "unsupported" for trial in tuned.trials):
        return Exit.CANNOT_HERE
    return Exit.DONE if tuned.recommended else Exit.FINDING


def _answer(session: Session, options: dict[str, Any]) -> Answer:
    """Return the recipe to start from.

    Raises:
        CannotHereError: `--gpu auto`, and no GPU that is known is here.
        FindingError: Nothing fits the cell, or its recipe is refuted.
    """
    from recipe_kb.tune.start import untuned_answer

    store = session.store
    gpu, model = find_gpu(store, gpu_named(session, options["gpu"], None)), find_model(store, options["model"])
    tasks, length = options["tasks"], options["max_length"] or min(DEFAULT_LENGTH, store.model(model).max_length)
    answer = untuned_answer(
        store,
        RecipeKey(
            gpu=gpu, model=model, tasks=(tasks, tasks), max_length=length, method=options["method"], goal="speed"
        ),
    )
    if answer.recipe.refuted:
        what = _("{id} is refuted; {instead} works instead.")
        what = what.format(id=answer.recipe_id, instead=answer.recipe.refuted.instead[0])
        raise FindingError(Problem(code="KB211", what=what, next_command=f"kb show {answer.recipe_id}"))
    return answer


def _refuse(start: "Start", options: dict[str, Any], *, own: bool) -> None:
    """Refuse before anything is trained what cannot come to a good end.

    Raises:
        BadInputError: The card lacks something, the picture cannot be written, or a file stands in the way.
        CannotHereError: Something is to be recorded and nothing can be measured, or packages are missing.
    """
    answer = start.answer
    settings = start.settings(start.choices[0])
    given = _NO_OTHER_OPTIONS | {"plot": options["plot"]}
    problems = refused(answer.key, answer.gpu, answer.model, settings, given)
    problems += in_the_way(start.store, answer.key) if options["record"] else []
    if problems:
        raise BadInputError(*problems)
    if options["record"] and not own:
        what = _("Nothing can be recorded: {gpu} is not in this machine, so nothing is measured.")
        what = what.format(gpu=answer.gpu.name if answer.gpu else answer.key.gpu)
        raise CannotHereError(Problem(code="KB340", what=what, next_command="kb tune --gpu auto --record ..."))
    missing = [name for name in NEEDED_TO_TRAIN if find_spec(name) is None] if own else []
    if missing:
        what = _("Training needs packages that are not installed: {names}.").format(names=", ".join(missing))
        raise CannotHereError(Problem(code="KB301", what=what, next_command="pip install 'recipe-kb[probe]'"))


def _used_bytes() -> int:
    from recipe_kb.tune.neighbours import used_by_others

    used = used_by_others()
    if used is None:
        click.echo(_("NVML does not say what other processes hold on the GPU; 0 is taken."), err=True)
    return used or 0


def _predicted(start: "Start", other: str | None) -> "Tuned":
    from recipe_kb.tune.tuned import Tuned

    card = start.answer.gpu.name if start.answer.gpu else start.answer.key.gpu
    why = _("{gpu} is not in this machine").format(gpu=card)
    if other is not None:
        why = _("{gpu} is not in this machine, which has {other}").format(gpu=card, other=other)
    return Tuned(start=start, search=None, why_predicted=why, wall_s=0.0)


def _measured(session: Session, start: "Start", options: dict[str, Any]) -> "Tuned":
    from recipe_kb.tune.measure import measured_by, probes
    from recipe_kb.tune.search import search
    from recipe_kb.tune.tuned import Tuned

    gc.enable()  # off for the short commands, see cli.main
    began = time.monotonic()
    gpu_id = start.answer.key.gpu
    here = (gpu_id, session.store.gpu(gpu_id))
    with probes() as probe:
        measure = measured_by(probe, start, here=here, num_steps=options["steps"], timeout_s=options["timeout"])
        found = search(start.choices, start.forecast, _told(session, measure), start.room)
    return Tuned(start=start, search=found, why_predicted=None, wall_s=time.monotonic() - began)


def _told(session: Session, measure: "Measure") -> "Measure":
    """Say on standard error what is being measured."""

    def told(batch: int, accumulation: int) -> Any:
        with _progress(session, _("Measuring batch {rows} x {steps} ...").format(rows=batch, steps=accumulation)):
            return measure(batch, accumulation)

    return told


@contextmanager
def _progress(session: Session, what: str) -> Iterator[None]:
    if session.quiet or not sys.stderr.isatty():
        if not session.quiet:
            click.echo(what, err=True)
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def _plot(path: Path, tuned: "Tuned") -> None:
    from recipe_kb.cli.tune_answer import heading, verdict
    from recipe_kb.tune.plot import Picture, draw

    picture = Picture(
        heading=heading(tuned),
        verdict=verdict(tuned),
        rows=tuned.rows(),
        limit_bytes=tuned.start.room.limit_bytes,
        recommended=tuned.recommended.batch if tuned.recommended else None,
    )
    try:
        path.write_text(draw(picture), encoding="utf-8")
    except OSError as error:
        what = _("--plot: {why}.").format(why=error.strerror)
        raise BadInputError(Problem(code="KB216", what=what, where=str(path))) from error
