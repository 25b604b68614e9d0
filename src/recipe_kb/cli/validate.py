"""`kb validate`: train a recipe for real, briefly, on the hardware at hand."""

import gc
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from recipe_kb.cli.group import Session, session_of
from recipe_kb.cli.output import print_json
from recipe_kb.cli.validate_fleet import Place, engine_options, shard_of, shard_options
from recipe_kb.cli.validate_machine import Here, look_here, refuse_playing_on_cpu, require_packages
from recipe_kb.errors import CannotHereError, Exit, Problem
from recipe_kb.i18n import _

if TYPE_CHECKING:
    from recipe_kb.cli.validate_run import Outcome

_TIMEOUT_S = 300


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "validate",
        callback=_run,
        params=[
            click.Argument(["recipe_ids"], nargs=-1, metavar="[RECIPE_ID]..."),
            *_choice(),
            *_device(),
            *engine_options(),
            *_run_options(),
            *_results(),
        ],
        help=_(
            "Train recipes for real, in a child process with a time limit, and say what this machine confirms.\n\n"
            "Example: kb validate t4/biobert/8t-512-full"
        ),
        short_help=_("Train a recipe briefly on this machine."),
    )


def _choice() -> list[click.Parameter]:
    return [
        click.Option(["--all", "everything"], is_flag=True, help=_("Every recipe that is not refuted.")),
        click.Option(["--gpu"], metavar="GPU", help=_("With --all: only recipes of this GPU; auto is the one here.")),
        click.Option(
            ["--touched-by"],
            metavar="REVISION",
            help=_("With --all: only recipes that the changes since a git revision can affect."),
        ),
        *shard_options(),
        click.Option(["--resume"], is_flag=True, help=_("Skip what has evidence of this device and these versions.")),
    ]


def _device() -> list[click.Parameter]:
    return [
        click.Option(
            ["--device"], type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help=_("Where to train.")
        ),
        click.Option(
            ["--num-gpus"],
            type=click.IntRange(1, 1024),
            default=1,
            help=_("Cards of this machine that train one network together; on a CPU, processes."),
        ),
        click.Option(
            ["--parallel"],
            type=click.Choice(["ddp", "fsdp"]),
            help=_("How several cards share the work: the whole network on each, or a part of it (as the recipe has)."),
        ),
        click.Option(
            ["--as-gpu"],
            metavar="GPU",
            help=_("Play this smaller card: its memory and its kernels, not its speed."),
        ),
        click.Option(
            ["--at-prediction"],
            is_flag=True,
            help=_("Give the training only the memory that was predicted, to test the prediction."),
        ),
    ]


def _run_options() -> list[click.Parameter]:
    return [
        click.Option(["--steps"], type=click.IntRange(2, 100_000), help=_("Optimizer steps (enough by default).")),
        click.Option(
            ["--repeats"],
            type=click.IntRange(1, 100),
            help=_("How often to train each recipe (1; 3 with --baseline on a GPU)."),
        ),
        click.Option(
            ["--timeout"],
            type=click.FloatRange(1, 86_400),
            default=_TIMEOUT_S,
            help=_("Seconds after which one training is stopped."),
        ),
        click.Option(
            ["--weights"],
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            metavar="DIR",
            help=_("Folder of a pretrained model; random weights otherwise."),
        ),
        click.Option(
            ["--ladder/--no-ladder"],
            default=True,
            help=_("Try the recipe's ladder when memory runs out."),
        ),
    ]


def _results() -> list[click.Parameter]:
    return [
        click.Option(["--record"], is_flag=True, help=_("Keep the result as an evidence file.")),
        click.Option(["--baseline"], is_flag=True, help=_("Compare with recorded evidence; worse is a finding.")),
        click.Option(
            ["--junit"],
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help=_("Write the results as JUnit XML too."),
        ),
    ]


@click.pass_context
def _run(
    ctx: click.Context,
    /,
    *,
    recipe_ids: tuple[str, ...],
    everything: bool,
    gpu: str | None,
    touched_by: str | None,
    num_gpus: int,
    repeats: int | None,
    junit: Path | None,
    device: Literal["auto", "cpu", "cuda"],
    shard: str | None,
    engine: Literal["local", "ray"],
    address: str | None,
    resource: str | None,
    **options: Any,
) -> int:
    from recipe_kb.cli.validate_choice import chosen

    session = session_of(ctx)
    as_gpu = options["as_gpu"]
    refuse_playing_on_cpu(device, as_gpu=as_gpu, at_prediction=options["at_prediction"])
    place = Place.of(engine, address=address, resource=resource, repeats=repeats)
    part = shard_of(shard, everything=everything)
    answers = chosen(
        session,
        recipe_ids,
        everything=everything,
        gpu=gpu,
        as_gpu=as_gpu,
        touched_by=touched_by,
        num_gpus=num_gpus,
    )
    if options["baseline"] and not answers and not touched_by:
        what = _("There is no recipe to compare, and a missing baseline is no pass.")
        raise CannotHereError(Problem(code="KB321", what=what, next_command="kb list recipes"))
    answers = [answer for answer in answers if part is None or part.holds(answer.recipe_id)]
    if place is None:  # else it is the nodes that train
        require_packages()
    from recipe_kb.cli.validate_run import Wish  # pydantic: not before it is needed

    if junit:
        from recipe_kb.regress.junit import require_junit

        require_junit(junit)
    here = Here() if place else look_here(session.store, device, on_cpu="kb validate --device cpu")
    wish = Wish(
        **options,
        device=device,
        here=here.gpu,
        gpu_name=here.gpu_name,
        repeats=here.repeats(repeats, baseline=options["baseline"]),
    )
    gc.enable()  # off for the short commands, see cli.main
    from recipe_kb.cli.validate_run import run_one

    if place is None:
        return _run_all(session, (run_one(session, answer, wish) for answer in answers), junit, [])
    from recipe_kb.cli.validate_ray import outcomes_of

    lost: list[Problem] = []
    return _run_all(session, outcomes_of(session, answers, wish, place, lost), junit, lost)


def _run_all(session: Session, found: "Iterator[Outcome]", junit: Path | None, lost: list[Problem]) -> int:
    from recipe_kb.cli.validate_run import to_json

    started = time.monotonic()
    outcomes: list[Outcome] = []
    for outcome in found:
        outcomes.append(outcome)
        if not session.as_json:
            from recipe_kb.cli.validate_text import print_outcome, print_signs

            print_outcome(outcome)
            print_signs(session, outcome)
    if session.as_json:
        print_json({"schema": "kb-validate/1", "results": [to_json(outcome) for outcome in outcomes]})
    elif not outcomes:
        click.echo(_("No recipe to train."), err=True)
    if junit:
        _write_junit(junit, outcomes, seconds=time.monotonic() - started)
    missing = [*lost, *(problem for outcome in outcomes for problem in outcome.not_recorded)]
    if missing:
        raise CannotHereError(*missing)
    return _exit_code(outcomes)


def _write_junit(path: Path, outcomes: "list[Outcome]", *, seconds: float) -> None:
    from recipe_kb.regress.junit import write_junit

    results = [(outcome.reported, outcome.path, outcome.comparison) for outcome in outcomes if outcome.skipped is None]
    write_junit(path, results, suite="kb validate", seconds=seconds)


def _exit_code(outcomes: "list[Outcome]") -> int:
    # Of all repeats: one that fails sometimes does not work.
    verdicts = {run.verdict for outcome in outcomes if outcome.skipped is None for run in outcome.runs}
    if verdicts - {"passed", "unsupported"}:
        return Exit.FINDING
    if any(outcome.comparison for outcome in outcomes):
        from recipe_kb.cli.validate_baseline import exit_code

        return exit_code([outcome.comparison for outcome in outcomes if outcome.comparison])
    return Exit.CANNOT_HERE if "unsupported" in verdicts else Exit.DONE
