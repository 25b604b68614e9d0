"""kb/evidence/RECIPE/DATE-DEVICE-MODE.json: the record of one probe, written by a run and never by hand."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from recipe_kb.schema.base import Parallel


class Record(BaseModel):
    """A frozen record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


SCHEMA: Final = "kb-evidence/1"

Verdict = Literal["passed", "oom", "not_finite", "no_progress", "alloc_retries", "timeout", "crash", "unsupported"]
Aspect = Literal[
    "trains",
    "loss_falls",
    "gradients_finite",
    "accumulation",
    "multi_task",
    "several_gpus",
    "memory",
    "speed",
    "precision",
]
"""What a probe can confirm of a recipe. A CPU confirms the first six and never the last three."""


class Deviation(Record):
    """One setting that the probe ran with another value than the recipe's, and the reason code."""

    setting: str
    recipe: Any
    probe: Any
    why: str


class Emulation(Record):
    """Another card played by a larger one: its memory and its kernels, never its speed.

    Attributes:
        gpu: Id of the card that is played.
        total_bytes: Its memory as torch reports it there.
        context_bytes: What a process on it holds outside torch's allocator.
        capped_bytes: What torch's allocator could reserve at most.
        capped_at: `card` leaves what the card would, total minus context; `prediction` only the predicted peak, to
            see whether the training ends with no more than that.
        switched_off: What the card lacks, or torch does not take there: bf16, tf32, flash and cudnn (attention in
            torch), flash_attention_2 (the package).
        workspace_bytes: What cuBLAS holds there, and held here, for each thread that multiplies.
    """

    gpu: str
    total_bytes: int
    context_bytes: int
    capped_bytes: int
    capped_at: Literal["card", "prediction"]
    switched_off: tuple[str, ...]
    workspace_bytes: int | None = None


class Attempt(Record):
    """What came of one rung of the ladder after memory ran out; `changed` holds the rungs before it too."""

    changed: dict[str, Any]
    verdict: Verdict
    reason: str | None
    peak_reserved_bytes: int | None


class GpuLoad(Record):
    """What NVML said during the steps after warm-up; `not_measured` says of each None why it is one.

    Attributes:
        num_samples: Readings.
        interval_s: Between two of them, median.
        kernel_time_share: Mean share of the time in which any kernel ran (NVML's utilisation); it says nothing about
            how much of the GPU the kernel used.
        power_w_mean: Of the board.
        power_limit_w: Enforced by the driver.
        sm_clock_mhz: Median.
        temperature_c_max: Of the GPU.
        throttle_reasons: Seen in any reading, but for idling.
        process_used_bytes: Highest of this process.
        device_used_bytes: Highest of the whole GPU.
        num_other_processes: Highest number of processes on the GPU that are not ours.
        num_failed: Field -> readings of it that failed, a few of all; its value is of the others.
    """

    num_samples: int
    interval_s: float | None
    kernel_time_share: float | None = None
    power_w_mean: float | None = None
    power_w_max: float | None = None
    power_limit_w: float | None = None
    sm_clock_mhz: float | None = None
    temperature_c_max: float | None = None
    throttle_reasons: tuple[str, ...] = ()
    process_used_bytes: int | None = None
    device_used_bytes: int | None = None
    num_other_processes: int | None = None
    not_measured: dict[str, str] = Field(default_factory=dict)
    num_failed: dict[str, int] = Field(default_factory=dict)


class Measured(Record):
    """What the run measured; None where this device has no such counter.

    Memory in bytes, times in seconds over the steps after warm-up. `mfu` is None off a known GPU.
    `stable` says that the step times had settled when the run ended; None where it was not asked.
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
    stable: bool | None = None
    clock: Literal["cuda-events", "host"] = "host"


class Rank(Record):
    """One process of several that trained together, each with a GPU of its own; on a CPU the processes stand for GPUs.

    Attributes:
        rank: Its number, from 0.
        gpu_name: Its GPU; None on a CPU.
        verdict: What became of it; None where it was ended because another one had failed.
        step_time_s_median: Of its own clock, over the steps after warm-up.
        peak_reserved_bytes: Of its own GPU, as the other figures of memory.
        gpu_load: What NVML said of its GPU; `not_measured` says of each None why it is one.
    """

    rank: int
    gpu_name: str | None
    verdict: Verdict | None
    reason: str | None
    num_steps: int
    step_time_s_median: float | None
    peak_allocated_bytes: int | None
    peak_reserved_bytes: int | None
    device_used_bytes: int | None
    process_peak_rss_bytes: int | None
    num_alloc_retries: int | None
    gpu_load: GpuLoad | None = None
    not_measured: dict[str, str] = Field(default_factory=dict)


class Evidence(Record):
    """One probe of one recipe on one device, or on several GPUs of one machine.

    Of several, `measured` is what they did together: rates are of all of them, by the slowest, and memory is the
    highest of any.

    Attributes:
        emulation: The card that was played, where `mode` is `emulated`.
        gpu_load: What NVML said meanwhile; None where there is no NVML, and `fingerprint["not_measured"]` says why.
        not_comparable: Why its figures are not to be compared with others, such as another process on the GPU.
        ladder: What was tried after memory ran out, in order; the last one may work.
        predicted_reserved_bytes: What was predicted for this very run before it began.
        num_gpus: How many trained together; on a CPU, processes.
        parallel: How they shared the work; None for one.
        ranks: Each of several; `gpu_load` is theirs then.
    """

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
    emulation: Emulation | None = None
    gpu_load: GpuLoad | None = None
    not_comparable: tuple[str, ...] = ()
    ladder: tuple[Attempt, ...] = ()
    predicted_reserved_bytes: int | None = None
    num_gpus: int = 1
    parallel: Parallel | None = None
    ranks: tuple[Rank, ...] = ()
