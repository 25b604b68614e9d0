"""From what the child reports to the figures of an evidence record."""

import math
from collections.abc import Sequence
from statistics import median, quantiles

from recipe_kb.probe.messages import Finished
from recipe_kb.probe.plan import RunPlan
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.stability import WARM_UP_STEPS, is_stable
from recipe_kb.probe.verdict import loss_trend
from recipe_kb.schema.evidence import Measured

FLOP_PER_PARAMETER_AND_TOKEN = 6
"""Two for the forward pass, four for the backward (Kaplan et al., arXiv:2001.08361, section 2.1)."""


def measured(finished: Finished, plan: RunPlan, request: ProbeRequest, *, wall_s: float) -> Measured:
    """Summarise a run.

    Args:
        finished: The child's report, of a whole run or of one that ran out of memory.
        plan: What was run.
        request: Gives the GPU's peak, for the MFU.
        wall_s: Seconds of the whole probe, start of the process included.

    Returns:
        Times over the steps after warm-up; rates from their median; None where nothing was measured.
    """
    steps, telemetry = finished.steps, finished.telemetry
    trend = loss_trend(steps, plan.steps_per_round)
    times_s = [step.time_s for step in steps[WARM_UP_STEPS:]]
    time_s = median(times_s) if times_s else None
    samples_per_s = plan.samples_per_step / time_s if time_s else None
    tokens_per_s = samples_per_s * plan.max_length if samples_per_s else None
    return Measured(
        num_steps=len(steps),
        num_micro_batches=len(steps) * plan.settings.gradient_accumulation_steps * plan.num_gpus,
        loss_first=_finite(trend.first) if trend else None,
        loss_last=_finite(trend.last) if trend else None,
        grad_norm_max=max((step.grad_norm for step in steps if math.isfinite(step.grad_norm)), default=None),
        num_skipped_steps=sum(step.skipped for step in steps),
        step_time_s_median=time_s,
        step_time_s_p10=_decile(times_s, 1),
        step_time_s_p90=_decile(times_s, 9),
        samples_per_s=samples_per_s,
        tokens_per_s=tokens_per_s,
        mfu=_mfu(finished, request, tokens_per_s),
        peak_allocated_bytes=telemetry.peak_allocated_bytes,
        peak_reserved_bytes=telemetry.peak_reserved_bytes,
        device_used_bytes=telemetry.device_used_bytes,
        process_peak_rss_bytes=telemetry.process_peak_rss_bytes,
        num_alloc_retries=telemetry.num_alloc_retries,
        wall_s=wall_s,
        stable=is_stable(times_s) if plan.open_ended else None,
        clock=finished.clock,
    )


def _mfu(finished: Finished, request: ProbeRequest, tokens_per_s: float | None) -> float | None:
    """Model FLOP utilisation: useful FLOP/s by the dense peak of all GPUs.

    Attention's own FLOP are left out, as are recomputed ones.
    None without a peak, and for LoRA, whose frozen weights have no weight gradient: six would flatter it.
    """
    parameters = finished.num_body_parameters
    if not (request.peak_tflops and tokens_per_s and parameters) or request.key.method != "full":
        return None
    peak_flop_per_s = request.peak_tflops * 1e12 * request.key.num_gpus
    return FLOP_PER_PARAMETER_AND_TOKEN * parameters * tokens_per_s / peak_flop_per_s


def _decile(values: Sequence[float], number: int) -> float | None:
    return quantiles(values, n=10, method="inclusive")[number - 1] if len(values) > 1 else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
