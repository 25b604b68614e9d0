"""`kb validate`: train a recipe for real, briefly, on the hardware at hand."""

import gc
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from recipe_kb.cli.group import Session, session_of
from recipe_kb.cli.machine import NEEDED_TO_TRAIN, Machine, inspect_machine
from recipe_kb.cli.output import print_json
from recipe_kb.errors import BadInputError, CannotHereError, Exit, Problem
from recipe_kb.i18n import _

if TYPE_CHECKING:
    from recipe_kb.cli.validate_run import Outcome, Wish
    from recipe_kb.schema.gpu import Gpu

_TIMEOUT_S = 300
_REPEATS = 3
"""Runs whose median is compared with a baseline, where nothing else is asked: times vary from run to run."""


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "validate",
        callback=_run,
        params=[
            click.Argument(["recipe_ids"], nargs=-1, metavar="[RECIPE_ID]..."),
            *_choice(),
            *_device(),
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
        click.Option(["--resume"], is_flag=True, help=_("Skip what has evidence of this device and these versions.")),
    ]


def _device() -> list[click.Parameter]:
    return [
        click.Option(
            ["--device"], type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help=_("Where to train.")
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
    repeats: int | None,
    junit: Path | None,
    device: Literal["auto", "cpu", "cuda"],
    **options: Any,
) -> int:
    from recipe_kb.cli.validate_choice import chosen

    session = session_of(ctx)
    _refuse(device, options)
    as_gpu, baseline = options["as_gpu"], options["baseline"]
    answers = chosen(session, recipe_ids, everything=everything, gpu=gpu, as_gpu=as_gpu, touched_by=touched_by)
    _require_packages()
    from recipe_kb.cli.validate_run import Wish  # pydantic: not before it is needed

    if junit:
        from recipe_kb.regress.junit import require_junit

        require_junit(junit)
    machine, here = _machine(session, device)
    on_gpu = machine is not None and bool(machine.devices)
    wish = Wish(
        **options,
        device=device,
        here=here,
        gpu_name=machine.devices[0].name if machine and machine.devices else None,
        repeats=repeats or (_REPEATS if baseline and on_gpu else 1),
    )
    gc.enable()  # off for the short commands, see cli.main
    return _run_all(session, answers, wish, junit)


def _run_all(session: Session, answers: list[Any], wish: "Wish", junit: Path | None) -> int:
    from recipe_kb.cli.validate_run import run_one, to_json

    started = time.monotonic()
    outcomes: list[Outcome] = []
    for answer in answers:
        outcome = run_one(session, answer, wish)
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
    not_recorded = [problem for outcome in outcomes for problem in outcome.not_recorded]
    if not_recorded:
        raise CannotHereError(*not_recorded)
    return _exit_code(outcomes)


def _refuse(device: str, options: dict[str, Any]) -> None:
    """Refuse options that contradict each other."""
    if device == "cpu" and (options["as_gpu"] or options["at_prediction"]):
        what = _("A card can only be played on a GPU: --as-gpu and --at-prediction do not go with --device cpu.")
        raise BadInputError(Problem(code="KB207", what=what, next_command="kb validate --help"))


def _require_packages() -> None:
    missing = [name for name in NEEDED_TO_TRAIN if find_spec(name) is None]
    if missing:
        what = _("Training needs packages that are not installed: {names}.").format(names=", ".join(missing))
        raise CannotHereError(Problem(code="KB301", what=what, next_command="pip install 'recipe-kb[probe]'"))


def _machine(session: Session, device: str) -> "tuple[Machine | None, tuple[str, Gpu] | None]":
    """Look at this machine, unless it is the CPU that is asked for; the GPU is None where it is not known."""
    if device == "cpu":
        return None, None
    machine = inspect_machine(session.store)
    if device == "cuda" and not machine.devices:
        what = _("No NVIDIA GPU found on this machine ({why}).").format(why=machine.gpu_reason)
        raise CannotHereError(Problem(code="KB302", what=what, next_command="kb validate --device cpu"))
    gpu_id = machine.devices[0].gpu_id if machine.devices else None
    return machine, (gpu_id, session.store.gpu(gpu_id)) if gpu_id else None


def _write_junit(path: Path, outcomes: "list[Outcome]", *, seconds: float) -> None:
    from recipe_kb.regress.junit import write_junit

    results = [(outcome.last, outcome.paths[-1], outcome.comparison) for outcome in outcomes if outcome.skipped is None]
    write_junit(path, results, suite="kb validate", seconds=seconds)


def _exit_code(outcomes: "list[Outcome]") -> int:
    verdicts = {outcome.last.verdict for outcome in outcomes if outcome.skipped is None}
    if verdicts - {"passed", "unsupported"}:
        return Exit.FINDING
    if any(outcome.comparison for outcome in outcomes):
        from recipe_kb.cli.validate_baseline import exit_code

        return exit_code([outcome.comparison for outcome in outcomes if outcome.comparison])
    return Exit.CANNOT_HERE if "unsupported" in verdicts else Exit.DONE
