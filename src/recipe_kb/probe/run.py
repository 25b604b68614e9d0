"""One probe from request to evidence; an out-of-memory, a crash or a hang of the training is a verdict."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from recipe_kb.probe.ending import judge_ending, oom_kills
from recipe_kb.probe.fingerprint import fingerprint
from recipe_kb.probe.measure import measured
from recipe_kb.probe.messages import Finished, Message, Progress, Started, Task, UnreadableLineError, parse
from recipe_kb.probe.plan import Device, RunPlan, plan_run
from recipe_kb.probe.process import Child, child_process
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.verdict import Judgement, aspects, judge, loss_trend
from recipe_kb.schema import reasons
from recipe_kb.schema.evidence import SCHEMA, Evidence

OnProgress = Callable[[int, int, float | None], None]
"""Called with the optimizer steps done, all of them, and the last loss."""

CHILD = (sys.executable, "-m", "recipe_kb.probe.child")


@dataclass
class _Report:
    """What is known of the run so far.

    A child that dies before it says where it runs is taken at the request's word, `auto` as CPU.
    """

    request: ProbeRequest
    on_progress: OnProgress
    device: Device
    plan: RunPlan
    started: Started | None = None
    finished: Finished | None = None

    def take(self, message: Message) -> None:
        match message:
            case Started():
                self.started, self.device = message, message.device
                self.plan = plan_run(self.request, message.device)
            case Progress():
                self.on_progress(message.step, self.plan.num_steps, message.loss)
            case Finished():
                self.finished = message


def probe(
    request: ProbeRequest, *, on_progress: OnProgress | None = None, command: Sequence[str] | None = None
) -> Evidence:
    """Train a recipe briefly in a child process and judge what came of it.

    Args:
        request: The recipe, and how to run it.
        on_progress: Told of every optimizer step; a loss may be NaN.
        command: Another child than our own.

    Returns:
        The evidence, whatever happened to the child. A recipe of several task counts is run with the largest.

    Raises:
        KeyboardInterrupt: Ctrl-C; the child and its files are gone by then.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    device: Device = "cuda" if request.device == "cuda" else "cpu"
    report = _Report(request, on_progress or (lambda *_: None), device, plan_run(request, device))
    with tempfile.TemporaryDirectory(prefix="recipe-kb-probe-", ignore_cleanup_errors=True) as scratch:
        task = Task(request=request, scratch=Path(scratch)).model_dump_json()
        environ = _environ(scratch)
        with child_process(command or CHILD, task, timeout_s=request.timeout_s, environ=environ) as child:
            judgement = _follow(child, report)
    return _evidence(report, judgement, started=started, wall_s=time.monotonic() - clock)


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
    confirmed, needs_gpu = aspects(
        judgement.verdict,
        plan,
        own_gpu=gpu_name in request.gpu_names,
        loss_compared=trend is not None,
        timed=figures is not None and figures.step_time_s_median is not None,
    )
    facts = fingerprint(request)
    if report.started:
        facts |= report.started.fingerprint
    if finished:
        facts |= {"attention": finished.attention, "not_measured": finished.telemetry.not_measured}
    return Evidence(
        schema=SCHEMA,
        recipe=request.recipe_id,
        started=started.isoformat(timespec="seconds"),
        mode="native" if report.device == "cuda" else "cpu",
        gpu_name=gpu_name,
        verdict=judgement.verdict,
        reason=judgement.reason,
        confirmed=confirmed,
        needs_gpu=needs_gpu,
        deviations=plan.deviations,
        measured=figures,
        fingerprint=facts,
    )


def _environ(scratch: str) -> dict[str, str]:
    """Give the child one GPU, its own folder for temporary files, and no network."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]  # on two, Trainer would use DataParallel
    # Threads that spin while they wait make a CPU probe nine times slower beside one other busy process, instead of
    # two (BERT-base, two cores: a step took 1.2 s alone, 9.9 s spinning and 2.1 s sleeping).
    waiting = os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
    added = {"CUDA_VISIBLE_DEVICES": visible, "TMPDIR": scratch, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": waiting}
    return os.environ | added
