"""One probe from request to evidence; an out-of-memory, a crash or a hang of the training is a verdict."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from recipe_kb.probe.comparable import why_not_comparable
from recipe_kb.probe.ending import judge_ending, oom_kills
from recipe_kb.probe.environ import child_environ, visible_device
from recipe_kb.probe.fingerprint import fingerprint
from recipe_kb.probe.measure import measured
from recipe_kb.probe.messages import Finished, Message, Progress, Started, Task, UnreadableLineError, parse
from recipe_kb.probe.nvml import Sampler, nvml_sampler
from recipe_kb.probe.plan import Device, RunPlan, plan_run
from recipe_kb.probe.process import Child, child_process, waiting_child
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.stability import WARM_UP_STEPS
from recipe_kb.probe.verdict import Judgement, aspects, judge, loss_trend
from recipe_kb.resolve.emulation import emulation_deviations
from recipe_kb.schema import reasons
from recipe_kb.schema.evidence import SCHEMA, Evidence, GpuLoad

OnProgress = Callable[[int, int, float | None], None]
"""Called with the optimizer steps done, all of them as far as is known, and the last loss."""

CHILD = (sys.executable, "-m", "recipe_kb.probe.child")


@dataclass
class _Report:
    """What is known of the run so far.

    A child that dies before it says where it runs is taken at the request's word, `auto` as CPU.
    `timed_since` and `timed_until` are of `time.monotonic()`: from the end of the warm-up to the last step.
    """

    request: ProbeRequest
    on_progress: OnProgress
    device: Device
    plan: RunPlan
    started: Started | None = None
    finished: Finished | None = None
    timed_since: float | None = None
    timed_until: float | None = None
    load: GpuLoad | None = None
    no_load: str = "no CUDA device in use"

    def take(self, message: Message) -> None:
        match message:
            case Started():
                self.started, self.device = message, message.device
                self.plan = plan_run(self.request, message.device)
            case Progress():
                if message.step == WARM_UP_STEPS:
                    self.timed_since = time.monotonic()
                elif message.step > WARM_UP_STEPS:
                    self.timed_until = time.monotonic()
                self.on_progress(message.step, max(message.step, self.plan.num_steps), message.loss)
            case Finished():
                self.finished = message


@contextmanager
def early_child() -> Iterator[Child]:
    """Start our own child ahead of its task, which saves its imports, seconds, when the task is there.

    Yields:
        A child for the `waiting` of one probe. It is not on the GPU before that, and is gone when the block is left.
    """
    with _scratch() as scratch, waiting_child(CHILD, child_environ(scratch)) as child:
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
    report = _Report(request, on_progress or (lambda *_: None), device, plan_run(request, device))
    with (
        _scratch() as scratch,
        _sampler(request) as sampler,
        _at_work(request, scratch, command or CHILD, waiting) as child,
    ):
        judgement = _follow(child, report)
        _take_load(report, sampler, child, began=clock)
    return _evidence(report, judgement, started=started, wall_s=time.monotonic() - clock)


def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="recipe-kb-probe-", ignore_cleanup_errors=True)


@contextmanager
def _at_work(request: ProbeRequest, scratch: str, command: Sequence[str], waiting: Child | None) -> Iterator[Child]:
    """Hand the task to the child that waits, or to a new one; both are gone when the block is left."""
    task = Task(request=request, scratch=Path(scratch)).model_dump_json()
    if waiting is None:
        with child_process(command, task, timeout_s=request.timeout_s, environ=child_environ(scratch)) as child:
            yield child
        return
    try:
        waiting.begin(task, timeout_s=request.timeout_s)
        yield waiting
    finally:
        waiting.end()


@contextmanager
def _sampler(request: ProbeRequest) -> Iterator[Sampler | None]:
    """Watch the GPU from before the child is on it; None if the probe asks for the CPU."""
    if request.device == "cpu":
        yield None
        return
    with nvml_sampler(visible_device()) as sampler:
        yield sampler


def _take_load(report: _Report, sampler: Sampler | None, child: Child, *, began: float) -> None:
    """Summarise the steps after warm-up; without any, the whole run: who else was there explains an early end too."""
    if sampler is None or report.device == "cpu":
        return
    since, until = report.timed_since or began, report.timed_until or time.monotonic()
    report.load = sampler.load(since, until, child.process.pid)
    report.no_load = sampler.reason or "no step after warm-up"


def _follow(child: Child, report: _Report) -> Judgement:
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


def _evidence(report: _Report, judgement: Judgement, *, started: datetime, wall_s: float) -> Evidence:
    request, plan, finished = report.request, report.plan, report.finished
    trend = loss_trend(finished.steps, plan.steps_per_round) if finished else None
    gpu_name = report.started.gpu_name if report.started else None
    figures = measured(finished, plan, request, wall_s=wall_s) if finished and finished.steps else None
    not_comparable = why_not_comparable(report.load, figures)
    played = request.emulation if report.device == "cuda" else None
    confirmed, needs_gpu = aspects(
        judgement.verdict,
        plan,
        own_gpu=played is None and gpu_name in request.gpu_names,
        own_limit=played is not None and played.capped_at == "card" and played.gpu == request.key.gpu,
        loss_compared=trend is not None,
        timed=figures is not None and figures.step_time_s_median is not None,
        comparable=not not_comparable,
    )
    facts = fingerprint(request)
    if report.started:
        facts |= report.started.fingerprint
    if finished:
        facts["attention"] = finished.attention
    deviations = emulation_deviations(played, gpu_name, facts.get("compute_capability")) if played else ()
    gpu_load = report.load if report.timed_until is not None else None
    not_measured = finished.telemetry.not_measured if finished else {}
    facts["not_measured"] = not_measured | ({} if gpu_load else {"gpu_load": report.no_load})
    return Evidence(
        schema=SCHEMA,
        recipe=request.recipe_id,
        started=started.isoformat(timespec="seconds"),
        mode="emulated" if played else "native" if report.device == "cuda" else "cpu",
        gpu_name=gpu_name,
        verdict=judgement.verdict,
        reason=judgement.reason,
        confirmed=confirmed,
        needs_gpu=needs_gpu,
        deviations=plan.deviations + deviations,
        measured=figures,
        fingerprint=facts,
        emulation=played,
        gpu_load=gpu_load,
        not_comparable=not_comparable,
        predicted_reserved_bytes=request.predicted_reserved_bytes,
    )
