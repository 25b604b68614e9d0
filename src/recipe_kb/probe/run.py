"""One probe from request to evidence; an out-of-memory, a crash or a hang of the training is a verdict."""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from recipe_kb.probe.compose import evidence_of
from recipe_kb.probe.ending import judge_ending, oom_kills
from recipe_kb.probe.environ import child_environ, visible_devices
from recipe_kb.probe.messages import Task, UnreadableLineError, parse
from recipe_kb.probe.nvml import Sampler, nvml_sampler
from recipe_kb.probe.plan import Device, plan_run
from recipe_kb.probe.process import Child, child_process, waiting_child
from recipe_kb.probe.report import OnProgress, Report
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.verdict import Judgement, judge
from recipe_kb.schema import reasons
from recipe_kb.schema.evidence import Evidence

CHILD = (sys.executable, "-m", "recipe_kb.probe.child")


@contextmanager
def early_child(num_gpus: int = 1) -> Iterator[Child]:
    """Start our own child ahead of its task, which saves its imports, seconds, when the task is there.

    Args:
        num_gpus: How many GPUs it may see; the key of its task must name no more.

    Yields:
        A child for the `waiting` of one probe. It is not on the GPU before that, and is gone when the block is left.
    """
    with _scratch() as scratch, waiting_child(CHILD, child_environ(scratch, num_gpus)) as child:
        yield child


def probe(
    request: ProbeRequest,
    *,
    on_progress: OnProgress | None = None,
    command: Sequence[str] | None = None,
    waiting: Child | None = None,
) -> Evidence:
    """Train a recipe briefly in a child process and judge what came of it.

    Args:
        request: The recipe, and how to run it.
        on_progress: Told of every optimizer step; a loss may be NaN.
        command: Another child than our own.
        waiting: A child that was started before, such as `early_child`; it is gone afterwards. Its time limit counts
            from now.

    Returns:
        The evidence, whatever happened to the child. A recipe of several task counts is run with the largest.

    Raises:
        KeyboardInterrupt: Ctrl-C; the child and its files are gone by then.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    device: Device = "cuda" if request.device == "cuda" else "cpu"
    report = Report(request, on_progress or (lambda *_: None), device, plan_run(request, device))
    with (
        _scratch() as scratch,
        _samplers(request) as samplers,
        _at_work(request, scratch, command or CHILD, waiting) as child,
    ):
        judgement = _follow(child, report)
        _take_loads(report, samplers, child, began=clock)
    return evidence_of(report, judgement, started=started, wall_s=time.monotonic() - clock)


def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="recipe-kb-probe-", ignore_cleanup_errors=True)


@contextmanager
def _at_work(request: ProbeRequest, scratch: str, command: Sequence[str], waiting: Child | None) -> Iterator[Child]:
    """Hand the task to the child that waits, or to a new one; both are gone when the block is left."""
    task = Task(request=request, scratch=Path(scratch)).model_dump_json()
    if waiting is None:
        environ = child_environ(scratch, request.key.num_gpus)
        with child_process(command, task, timeout_s=request.timeout_s, environ=environ) as child:
            yield child
        return
    try:
        waiting.begin(task, timeout_s=request.timeout_s)
        yield waiting
    finally:
        waiting.end()


@contextmanager
def _samplers(request: ProbeRequest) -> Iterator[tuple[Sampler, ...]]:
    """Watch the GPUs from before the child is on them; none if the probe asks for the CPU."""
    names = () if request.device == "cpu" else visible_devices(request.key.num_gpus)
    with ExitStack() as stack:
        yield tuple(stack.enter_context(nvml_sampler(name)) for name in names)


def _take_loads(report: Report, samplers: Sequence[Sampler], child: Child, *, began: float) -> None:
    """Summarise the steps after warm-up; without any, the whole run: who else was there explains an early end too."""
    if report.device == "cpu":
        return
    since, until = report.timed_since or began, report.timed_until or time.monotonic()
    ranks = report.finished.ranks if report.finished else ()
    # Each rank is a process group of its own, and may open a context on the GPU of another.
    own_pids = {child.process.pid} | {end.pid for end in ranks if end.pid is not None}
    report.nvml_name = samplers[0].name if samplers else None
    report.loads = tuple(
        sampler.load(since, until, own_pids) or sampler.reason or "no step after warm-up" for sampler in samplers
    )


def _follow(child: Child, report: Report) -> Judgement:
    """Take the child's messages until it ends, and judge the end."""
    kills = oom_kills()
    try:
        for line in child.lines():
            report.take(parse(line))
            if report.finished:
                break  # a child that lingers after its result is no hang of the training
    except TimeoutError:
        return Judgement("timeout", reasons.TIMEOUT.format(seconds=f"{report.request.timeout_s:g}"))
    except UnreadableLineError as error:
        return Judgement("crash", str(error))
    returncode = child.wait()
    finished = report.finished
    if finished is None:
        return judge_ending(returncode, child.stderr_tail(), kernel_killed=oom_kills() != kills)
    if finished.failure is not None:
        return Judgement(finished.failure, finished.reason)
    if not finished.steps:
        return Judgement("crash", reasons.NO_STEP)
    retries = finished.telemetry.num_alloc_retries
    return judge(finished.steps, steps_per_round=report.plan.steps_per_round, num_alloc_retries=retries)
