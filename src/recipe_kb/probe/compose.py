"""From what is known of a run to its evidence. Pure, but for the machine's name and the packages' versions."""

from datetime import datetime
from statistics import median
from typing import Any

from recipe_kb.probe.comparable import why_not_comparable
from recipe_kb.probe.fingerprint import fingerprint
from recipe_kb.probe.measure import measured
from recipe_kb.probe.messages import RankEnd
from recipe_kb.probe.report import Report
from recipe_kb.probe.stability import WARM_UP_STEPS
from recipe_kb.probe.verdict import Judgement, aspects, loss_trend
from recipe_kb.resolve.emulation import emulation_deviations
from recipe_kb.schema.evidence import SCHEMA, Evidence, GpuLoad, Rank

NO_DEVICE = "no CUDA device in use"
OF_EACH_RANK = "each rank has its own"


def evidence_of(report: Report, judgement: Judgement, *, started: datetime, wall_s: float) -> Evidence:
    """Write down one probe.

    Args:
        report: What is known of it.
        judgement: What came of it.
        started: When it began.
        wall_s: How long it took, in seconds.
    """
    request, plan, finished = report.request, report.plan, report.finished
    several = request.key.num_gpus > 1
    trend = loss_trend(finished.steps, plan.steps_per_round) if finished else None
    gpu_name = report.started.gpu_name if report.started else None
    figures = measured(finished, plan, request, wall_s=wall_s) if finished and finished.steps else None
    not_comparable = why_not_comparable([load for load in report.loads if isinstance(load, GpuLoad)], figures)
    played = request.emulation if report.device == "cuda" else None
    names = {end.gpu_name for end in finished.ranks} if finished and several else {gpu_name}
    confirmed, needs_gpu = aspects(
        judgement.verdict,
        plan,
        own_gpu=played is None and bool(names) and names <= set(request.gpu_names),
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
    if report.nvml_name is not None and report.device == "cuda":
        facts["nvml_name"] = report.nvml_name
    deviations = emulation_deviations(played, gpu_name, facts.get("compute_capability")) if played else ()
    gpu_load, no_load = _gpu_load(report)
    not_measured = finished.telemetry.not_measured if finished else {}
    facts["not_measured"] = not_measured | no_load
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
        num_gpus=request.key.num_gpus,
        parallel=request.parallel if several else None,
        ranks=tuple(_rank(end, report, judgement) for end in finished.ranks) if finished else (),
    )


def _gpu_load(report: Report) -> tuple[GpuLoad | None, dict[str, str]]:
    """Return what NVML said of the one GPU, or why there is nothing to say; it says nothing of too short a run."""
    if report.request.key.num_gpus > 1 and report.device == "cuda":
        return None, {"gpu_load": OF_EACH_RANK}
    load = report.loads[0] if report.loads else NO_DEVICE
    if isinstance(load, GpuLoad):
        return (load, {}) if report.timed_until is not None else (None, {"gpu_load": "no step after warm-up"})
    return None, {"gpu_load": load}


def _rank(end: RankEnd, report: Report, judgement: Judgement) -> Rank:
    """Write down one process of several; what it did well by itself it is judged by with the others."""
    whole = end.verdict == "passed" and judgement.verdict not in {"oom", "unsupported", "crash", "timeout"}
    times_s = [step.time_s for step in end.steps[WARM_UP_STEPS:]]
    load: GpuLoad | str = report.loads[end.rank] if end.rank < len(report.loads) else NO_DEVICE
    if isinstance(load, GpuLoad) and report.timed_until is None:
        load = "no step after warm-up"
    said, why_not = (load, {}) if isinstance(load, GpuLoad) else (None, {"gpu_load": load})
    telemetry: dict[str, Any] = end.telemetry.model_dump(exclude={"not_measured"})
    return Rank(
        rank=end.rank,
        gpu_name=end.gpu_name,
        verdict=judgement.verdict if whole else end.verdict,
        reason=judgement.reason if whole else end.reason,
        num_steps=len(end.steps),
        step_time_s_median=median(times_s) if times_s else None,
        **telemetry,
        gpu_load=said,
        not_measured=end.telemetry.not_measured | why_not,
    )
