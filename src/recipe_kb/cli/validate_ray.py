"""`kb validate --engine ray`: the chosen recipes on a cluster, recorded here as they finish."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from recipe_kb.cli.group import Session
from recipe_kb.cli.validate_fleet import Place
from recipe_kb.cli.validate_machine import REPEATS
from recipe_kb.cli.validate_run import Outcome, Wish, compared, keep, request_of
from recipe_kb.errors import Problem
from recipe_kb.fleet.engine import cluster
from recipe_kb.fleet.nodes import Node, fitting, has_gpu, most_cores, nodes_of
from recipe_kb.fleet.order import Order
from recipe_kb.fleet.placement import Placement, placement_of
from recipe_kb.fleet.run import Job, Result, run
from recipe_kb.i18n import _, ngettext
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.resume import answered
from recipe_kb.resolve.answer import Answer
from recipe_kb.schema.evidence_words import verdict_words
from recipe_kb.store.location import evidence_root

OnResult = Callable[[str], None]


def outcomes_of(
    session: Session, answers: Sequence[Answer], wish: Wish, place: Place, lost: list[Problem]
) -> Iterator[Outcome]:
    """Train on a cluster.

    Args:
        session: Gives the knowledge base.
        answers: What to train.
        wish: How.
        place: Where.
        lost: Is told of each recipe that no node has the card for (KB353), and of each that no node gave a result
            for (KB354).

    Yields:
        What came of each of the others, first what evidence answers already, then in the order in which they finish.
        What is yielded is on record, if that is wished.

    Raises:
        CannotHereError: No Ray, no cluster, a node that cannot run probes, or the head is gone.
    """
    if not answers:
        return
    root = evidence_root(session.store.root)
    with cluster(place.address) as engine:
        nodes = nodes_of(engine)
        on_gpu = wish.device == "cuda" or (wish.device == "auto" and has_gpu(nodes))
        if not session.quiet:
            count = len(nodes)
            said = ngettext(
                "Ray has {count} node; training on {device}.", "Ray has {count} nodes; training on {device}.", count
            )
            click.echo(said.format(count=count, device="GPU" if on_gpu else "CPU"), err=True)
        repeats = place.repeats or (REPEATS if wish.baseline and on_gpu else 1)
        jobs, answer_of = [], {}
        for answer in answers:
            here = (answer.key.gpu, answer.gpu) if answer.gpu and not wish.as_gpu else None
            own = replace(wish, device="cuda" if on_gpu else "cpu", here=here if on_gpu else None)
            request = request_of(session, answer, own)
            placement = placement_of(
                answer,
                on_gpu=on_gpu,
                any_card=request.emulation is not None,
                resource=place.resource,
                most_cores=most_cores(nodes),
            )
            candidates = fitting(nodes, placement) if placement else []
            if placement is None or not candidates:
                lost.append(_unplaced(answer, placement))
                continue
            path = _answered(request, root, candidates, on_gpu=on_gpu) if wish.resume else None
            if path:
                yield Outcome(answer=answer, skipped=path)
                continue
            answer_of[answer.recipe_id] = answer
            order = Order(request=request, repeats=repeats, ladder=wish.ladder)
            jobs.append(Job(order=order, placement=placement))
        with _progress(session, len(jobs)) as advance:
            for result in run(engine, jobs):
                outcome = _outcome(answer_of[result.job.order.request.recipe_id], result, root, wish, lost)
                advance(_line(result))
                if outcome:
                    yield outcome


def _outcome(answer: Answer, result: Result, root: Path, wish: Wish, lost: list[Problem]) -> Outcome | None:
    if result.delivery is None:
        what = _("No node gave a result: {why}").format(why=result.why)
        command = "kb validate --all --engine ray --record --resume"
        lost.append(Problem(code="KB354", what=what, where=answer.recipe_id, next_command=command))
        return None
    outcome = Outcome(answer=answer)
    for evidence in result.delivery.runs:
        keep(outcome, evidence, root, wish)
    if wish.baseline:
        outcome.comparison = compared(outcome, root)
    return outcome


def _answered(request: ProbeRequest, root: Path, nodes: Sequence[Node], *, on_gpu: bool) -> Path | None:
    """Find evidence that one of the nodes could have written."""
    asked = {(name, tuple(node.facts.versions.items())) for node in nodes for name in _names(node, on_gpu=on_gpu)}
    found = (answered(request, root, name, dict(versions)) for name, versions in sorted(asked, key=str))
    return next((path for path in found if path), None)


def _names(node: Node, *, on_gpu: bool) -> set[str | None]:
    return set(node.facts.gpu_names) if on_gpu else {None}


def _unplaced(answer: Answer, placement: Placement | None) -> Problem:
    if placement is None:
        what = _("Ray has no name for the card {gpu}; name a resource of the nodes that have it.")
        what = what.format(gpu=answer.key.gpu)
        command = f"kb validate --all --gpu {answer.key.gpu} --engine ray --resource {answer.key.gpu}"
    else:
        what = _("No node has what it needs ({needs}); it was not trained.").format(needs=placement)
        command = "ray status"
    return Problem(code="KB353", what=what, where=answer.recipe_id, next_command=command)


def _line(result: Result) -> str:
    recipe_id = result.job.order.request.recipe_id
    if result.delivery is None:
        return _("{id}: no result").format(id=recipe_id)
    verdict = verdict_words()[result.delivery.runs[-1].verdict]
    return _("{id}: {verdict} on {host}").format(id=recipe_id, verdict=verdict, host=result.delivery.host)


@contextmanager
def _progress(session: Session, total: int) -> Iterator[OnResult]:
    """Show one bar on a terminal, a line for each result elsewhere; nothing with --quiet."""
    if session.quiet or not total:
        yield lambda _line: None
        return
    if not sys.stderr.isatty():
        finished = 0

        def say(line: str) -> None:
            nonlocal finished
            finished += 1
            click.echo(f"{finished}/{total} {line}", err=True)

        yield say
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    shown = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*shown, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda line: bar.update(task, advance=1, description=line)
