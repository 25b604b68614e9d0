"""kb/evidence/RECIPE/DATE-DEVICE-MODE.json: the record of one probe, written by a run and never by hand."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """A frozen record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


SCHEMA: Final = "kb-evidence/1"

Verdict = Literal["passed", "oom", "not_finite", "no_progress", "alloc_retries", "timeout", "crash", "unsupported"]
Aspect = Literal[
    "trains", "loss_falls", "gradients_finite", "accumulation", "multi_task", "memory", "speed", "precision"
]
"""What a probe can confirm of a recipe. A CPU confirms the first five and never the last three."""


class Deviation(Record):
    """One setting that the probe ran with another value than the recipe's, and the reason code."""

    setting: str
    recipe: Any
    probe: Any
    why: str


class Measured(Record):
    """What the run measured; None where this device has no such counter.

    Memory in bytes, times in seconds over the steps after warm-up. `mfu` is None off a known GPU.
    """

    num_steps: int
    num_micro_batches: int
    loss_first: float | None
    loss_last: float | None
    grad_norm_max: float | None
    num_skipped_steps: int
    step_time_s_median: float | None
    step_time_s_p10: float | None
    step_time_s_p90: float | None
    samples_per_s: float | None
    tokens_per_s: float | None
    mfu: float | None
    peak_allocated_bytes: int | None
    peak_reserved_bytes: int | None
    device_used_bytes: int | None
    process_peak_rss_bytes: int | None
    num_alloc_retries: int | None
    wall_s: float


class Evidence(Record):
    """One probe of one recipe on one device."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, populate_by_name=True)

    schema_: Literal["kb-evidence/1"] = Field(alias="schema")
    recipe: str
    started: str
    mode: Literal["native", "emulated", "cpu"]
    gpu_name: str | None
    verdict: Verdict
    reason: str | None
    confirmed: tuple[Aspect, ...]
    needs_gpu: tuple[Aspect, ...]
    deviations: tuple[Deviation, ...]
    measured: Measured | None
    fingerprint: dict[str, Any]
