"""One recipe of `kb validate`: its probes, its ladder, its evidence files, its comparison with a baseline."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from recipe_kb.cli.group import Session
from recipe_kb.errors import BadInputError, CannotHereError, Problem
from recipe_kb.i18n import _, number
from recipe_kb.resolve.answer import Answer
from recipe_kb.schema.base import Parallel
from recipe_kb.schema.evidence import Emulation, Evidence
from recipe_kb.schema.gpu import Gpu
from recipe_kb.store.location import evidence_root

if TYPE_CHECKING:
    from recipe_kb.probe.request import ProbeRequest
    from recipe_kb.regress.compare import Comparison

OnProgress = Callable[[int, int, float | None], None]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked of `kb validate` besides the recipes; `here` is the GPU of this machine, id and facts."""

    device: Literal["auto", "cpu", "cuda"]
    here: tuple[str, Gpu] | None
    gpu_name: str | None
    steps: int | None
    repeats: int
    timeout: float
    weights: Path | None
    as_gpu: str | None
    at_prediction: bool
    ladder: bool
    record: bool
    resume: bool
    baseline: bool
    parallel: Parallel | None = None


@dataclass(kw_only=True)
class Outcome:
    """What came of one recipe; `skipped` is evidence that answered already."""

    answer: Answer
    runs: list[Evidence] = field(default_factory=list)
    paths: list[Path | None] = field(default_factory=list)
    comparison: "Comparison | None" = None
    skipped: Path | None = None
    not_recorded: list[Problem] = field(default_factory=list)

    @property
    def reported(self) -> Evidence:
        """The run that speaks for all repeats: the worst, of equals the last. What fails sometimes does not work."""
        from recipe_kb.regress.compare import WORST_FIRST

        return min(reversed(self.runs), key=lambda run: WORST_FIRST.index(run.verdict))

    @property
    def path(self) -> Path | None:
        """The file of the run that is reported, if it was kept."""
        return next(path for run, path in zip(self.runs, self.paths, strict=True) if run is self.reported)

    @property
    def num_failed(self) -> int:
        """How many of the repeats did not pass."""
        return sum(run.verdict != "passed" for run in self.runs)


def run_one(session: Session, answer: Answer, wish: Wish) -> Outcome:
    """Probe one recipe as often as asked, record and compare.

    Raises:
        BadInputError: There is no prediction to cap the memory at, or the card that is to be played is unknown.
        CannotHereError: The GPU was asked for, and torch finds none (KB305); no other recipe would fare better.
    """
    from recipe_kb.probe.resume import answered
    from recipe_kb.probe.run import probe

    request = request_of(session, answer, wish)
    outcome = Outcome(answer=answer)
    root = evidence_root(session.store.root)
    if wish.resume:
        gpu_name = None if wish.device == "cpu" else wish.gpu_name
        outcome.skipped = answered(request, root, gpu_name)
        if outcome.skipped:
            return outcome
    for _repeat in range(wish.repeats):
        with _progress(session, answer.recipe_id) as on_progress:

            def measure(asked: "ProbeRequest", on_progress: OnProgress = on_progress) -> Evidence:
                return probe(asked, on_progress=on_progress)

            evidence = measure(request)
            if wish.ladder and evidence.verdict == "oom":
                from recipe_kb.probe.ladder import walk

                evidence = walk(request, evidence, probe=measure)
        if wish.device == "cuda" and _lacks_cuda(evidence):
            raise CannotHereError(_no_cuda())
        keep(outcome, evidence, root, wish)
    if wish.baseline:
        outcome.comparison = compared(outcome, root)
    return outcome


def request_of(session: Session, answer: Answer, wish: Wish) -> "ProbeRequest":
    """Return the probe that is wished for of one recipe.

    Raises:
        BadInputError: There is no prediction to cap the memory at, or the card that is to be played is unknown.
    """
    from recipe_kb.probe.asked import request_for
    from recipe_kb.resolve.answer import to_try

    answer = to_try(session.store, answer, wish.parallel)
    return request_for(
        answer,
        device=wish.device,
        here=wish.here,
        num_steps=wish.steps,
        timeout_s=wish.timeout,
        weights=wish.weights,
        emulation=_emulation(session, answer, wish),
    )


def keep(outcome: Outcome, evidence: Evidence, root: Path, wish: Wish) -> None:
    """Add one run to what came of a recipe, and record it if asked; nothing was tried where torch finds no GPU."""
    recorded = wish.record and not _lacks_cuda(evidence)
    if wish.record and not recorded:
        outcome.not_recorded.append(_no_cuda(outcome.answer.recipe_id))
    outcome.runs.append(evidence)
    outcome.paths.append(_record(evidence, root, outcome.not_recorded) if recorded else None)


def _lacks_cuda(evidence: Evidence) -> bool:
    from recipe_kb.schema.reasons import NO_CUDA

    return evidence.verdict == "unsupported" and evidence.reason == NO_CUDA


def _no_cuda(where: str | None = None) -> Problem:
    what = _("torch finds no CUDA GPU, so nothing was trained: a build of torch for the CPU, or an old driver?")
    return Problem(code="KB305", what=what, where=where, next_command="python -m torch.utils.collect_env")


def _emulation(session: Session, answer: Answer, wish: Wish) -> Emulation | None:
    if not (wish.as_gpu or wish.at_prediction):
        return None
    from recipe_kb.resolve.emulation import emulation_of

    predicted = None
    if wish.at_prediction:
        if answer.memory.method != "traced":
            what = _("The memory of {id} is not predicted from a trace, so nothing can be capped at it.")
            what = what.format(id=answer.recipe_id)
            command = f"kb predict {answer.recipe_id} --trace"
            raise BadInputError(Problem(code="KB219", what=what, next_command=command))
        predicted = answer.memory.peak_reserved_bytes
    return emulation_of(
        session.store,
        answer.key.gpu,
        capped_at="prediction" if wish.at_prediction else "card",
        predicted_reserved_bytes=predicted,
    )


def _record(evidence: Evidence, root: Path, problems: list[Problem]) -> Path | None:
    from recipe_kb.probe.record import record

    try:
        return record(evidence, root)
    except CannotHereError as error:  # the verdict is not lost with its file
        problems += error.problems
        return None


def compared(outcome: Outcome, root: Path) -> "Comparison":
    """Compare with what was on record before this run."""
    from recipe_kb.regress.compare import Tolerance, baseline_of, compare

    new = {path for path in outcome.paths if path}
    return compare(outcome.runs, baseline_of(root, outcome.reported, without=new), Tolerance())


@contextmanager
def _progress(session: Session, recipe_id: str) -> Iterator[OnProgress]:
    """Show a bar on a terminal, one line elsewhere; nothing with --quiet."""
    import sys

    if session.quiet or not sys.stderr.isatty():
        if not session.quiet:
            click.echo(_("Training {id} ...").format(id=recipe_id), err=True)
        yield lambda *_step: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(recipe_id, total=None)

        def advance(step: int, total: int, loss: float | None) -> None:
            shown = "" if loss is None else f" loss {number(loss, 3)}"
            bar.update(task, completed=step, total=total, description=f"{recipe_id}{shown}")

        yield advance


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return one result of the command-line contract."""
    answer = outcome.answer
    if outcome.skipped:
        return {"recipe": answer.recipe_id, "skipped": str(outcome.skipped), "status": answer.recipe.status}
    evidence, path = outcome.reported, outcome.path
    measured, emulation = evidence.measured, evidence.emulation
    proven = "memory" in evidence.confirmed and {"native": "measured", "emulated": "emulated"}.get(evidence.mode)
    result: dict[str, Any] = {
        "recipe": answer.recipe_id,
        "num_gpus": evidence.num_gpus,
        "parallel": evidence.parallel,
        "verdict": evidence.verdict,
        "reason": evidence.reason,
        "status": proven or answer.recipe.status,
        "mode": evidence.mode,
        "loss_first": measured.loss_first if measured else None,
        "loss_last": measured.loss_last if measured else None,
        "peak_reserved_bytes": measured.peak_reserved_bytes if measured else None,
        "predicted_reserved_bytes": evidence.predicted_reserved_bytes,
        "samples_per_s": measured.samples_per_s if measured else None,
        "evidence": str(path) if path else None,
        "deviations": [deviation.model_dump(mode="json") for deviation in evidence.deviations],
        "confirmed": list(evidence.confirmed),
        "needs_gpu": list(evidence.needs_gpu),
        "not_comparable": list(evidence.not_comparable),
        "emulation": emulation.model_dump(mode="json") if emulation else None,
        "gpu_load": evidence.gpu_load.model_dump(mode="json") if evidence.gpu_load else None,
        "ranks": [rank.model_dump(mode="json") for rank in evidence.ranks],
        "ladder": [attempt.model_dump(mode="json") for attempt in evidence.ladder],
    }
    if outcome.comparison is not None:
        from recipe_kb.cli.validate_baseline import comparison_json

        result["baseline"] = comparison_json(outcome.comparison)
    return result
