"""`kb validate`: train a recipe for real, briefly, on the hardware at hand."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from recipe_kb.cli.group import Session, session_of
from recipe_kb.cli.machine import NEEDED_TO_TRAIN
from recipe_kb.cli.output import print_json
from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.errors import BadInputError, CannotHereError, Exit, FindingError, Problem
from recipe_kb.i18n import _, number
from recipe_kb.resolve.answer import Answer
from recipe_kb.store.location import evidence_root

if TYPE_CHECKING:
    from collections.abc import Callable

    from recipe_kb.schema.evidence import Evidence
    from recipe_kb.schema.gpu import Gpu

Device = Literal["auto", "cpu", "cuda"]
_TIMEOUT_S = 300


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "validate",
        callback=_run,
        params=[
            click.Argument(["recipe_ids"], nargs=-1, metavar="[RECIPE_ID]..."),
            click.Option(["--all", "everything"], is_flag=True, help=_("Every recipe that is not refuted.")),
            click.Option(
                ["--device"], type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help=_("Where to train.")
            ),
            click.Option(["--steps"], type=click.IntRange(2, 100_000), help=_("Optimizer steps (enough by default).")),
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
            click.Option(["--record"], is_flag=True, help=_("Keep the result as an evidence file.")),
        ],
        help=_(
            "Train recipes for real, in a child process with a time limit, and say what this machine confirms.\n\n"
            "Example: kb validate t4/biobert/8t-512-full"
        ),
        short_help=_("Train a recipe briefly on this machine."),
    )


@click.pass_context
def _run(
    ctx: click.Context,
    recipe_ids: tuple[str, ...],
    everything: bool,
    device: Device,
    steps: int | None,
    timeout: float,
    weights: Path | None,
    record: bool,
) -> int:
    session = session_of(ctx)
    answers = _answers(session, recipe_ids, everything=everything)
    _require_packages()
    from recipe_kb.probe.asked import request_for
    from recipe_kb.probe.run import probe

    here = _here(session, device)
    results: list[dict[str, Any]] = []
    not_recorded: list[Problem] = []
    gc.enable()  # off for the short commands, see cli.main
    for answer in answers:
        with _progress(session, answer) as on_progress:
            evidence = probe(
                request_for(answer, device=device, here=here, num_steps=steps, timeout_s=timeout, weights=weights),
                on_progress=on_progress,
            )
        path = None
        try:
            path = _record(evidence, session) if record else None
        except CannotHereError as error:  # the verdict is not lost with its file
            not_recorded += error.problems
        results.append(_result(answer, evidence, path))
        if not session.as_json:
            from recipe_kb.cli.validate_text import print_result

            print_result(evidence, path)
    if session.as_json:
        print_json({"schema": "kb-validate/1", "results": results})
    if not_recorded:
        raise CannotHereError(*not_recorded)
    return _exit_code([result["verdict"] for result in results])


def _answers(session: Session, recipe_ids: tuple[str, ...], *, everything: bool) -> list[Answer]:
    """Return what to train; nothing is trained before every id is understood."""
    if bool(recipe_ids) == everything:
        what = _("Name recipes, or --all.")
        raise BadInputError(Problem(code="KB207", what=what, next_command="kb list recipes"))
    wanted = recipe_ids or tuple(map(str, session.store.recipe_keys()))
    answers = [answer_id(session.store, recipe_id) for recipe_id in wanted]
    if everything:
        return [answer for answer in answers if not answer.recipe.refuted]
    for answer in answers:
        if answer.recipe.refuted:
            what = _("{id} is refuted; {instead} works instead.")
            what = what.format(id=answer.recipe_id, instead=answer.recipe.refuted.instead[0])
            raise FindingError(Problem(code="KB211", what=what, next_command=f"kb show {answer.recipe_id}"))
    return answers


def _require_packages() -> None:
    missing = [name for name in NEEDED_TO_TRAIN if find_spec(name) is None]
    if missing:
        what = _("Training needs packages that are not installed: {names}.").format(names=", ".join(missing))
        raise CannotHereError(Problem(code="KB301", what=what, next_command="pip install 'recipe-kb[probe]'"))


def _here(session: Session, device: Device) -> "tuple[str, Gpu] | None":
    """Return id and facts of the GPU of this machine; None without one that the knowledge base knows."""
    from recipe_kb.cli.machine import inspect_machine

    if device == "cpu":
        return None
    machine = inspect_machine(session.store)
    if device == "cuda" and not machine.devices:
        what = _("No NVIDIA GPU found on this machine ({why}).").format(why=machine.gpu_reason)
        raise CannotHereError(Problem(code="KB302", what=what, next_command="kb validate --device cpu"))
    gpu_id = machine.devices[0].gpu_id if machine.devices else None
    return (gpu_id, session.store.gpu(gpu_id)) if gpu_id else None


@contextmanager
def _progress(session: Session, answer: Answer) -> "Iterator[Callable[[int, int, float | None], None]]":
    """Show a bar on a terminal, one line elsewhere; nothing with --quiet."""
    import sys

    if session.quiet or not sys.stderr.isatty():
        if not session.quiet:
            click.echo(_("Training {id} ...").format(id=answer.recipe_id), err=True)
        yield lambda *_step: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(answer.recipe_id, total=None)

        def advance(step: int, total: int, loss: float | None) -> None:
            shown = "" if loss is None else f" loss {number(loss, 3)}"
            bar.update(task, completed=step, total=total, description=f"{answer.recipe_id}{shown}")

        yield advance


def _record(evidence: "Evidence", session: Session) -> Path:
    from recipe_kb.probe.record import record

    return record(evidence, evidence_root(session.store.root))


def _result(answer: Answer, evidence: "Evidence", path: Path | None) -> dict[str, Any]:
    measured = evidence.measured
    native = evidence.mode == "native" and "memory" in evidence.confirmed
    return {
        "recipe": answer.recipe_id,
        "verdict": evidence.verdict,
        "reason": evidence.reason,
        "status": "measured" if native else answer.recipe.status,
        "mode": evidence.mode,
        "loss_first": measured.loss_first if measured else None,
        "loss_last": measured.loss_last if measured else None,
        "peak_reserved_bytes": measured.peak_reserved_bytes if measured else None,
        "samples_per_s": measured.samples_per_s if measured else None,
        "evidence": str(path) if path else None,
        "deviations": [deviation.model_dump(mode="json") for deviation in evidence.deviations],
        "confirmed": list(evidence.confirmed),
        "needs_gpu": list(evidence.needs_gpu),
    }


def _exit_code(verdicts: list[str]) -> int:
    if all(verdict == "passed" for verdict in verdicts):
        return Exit.DONE
    if all(verdict in {"passed", "unsupported"} for verdict in verdicts):
        return Exit.CANNOT_HERE
    return Exit.FINDING
