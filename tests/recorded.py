"""Evidence as probes write it, with any of its values changed."""

from typing import Any

from recipe_kb.schema.evidence import Emulation, Evidence, Measured

RECIPE = "t4/biobert/8t-512-full"
T4 = "Tesla T4"
GIB = 2**30
CPU_FINGERPRINT = {
    "recipe_sha256": "0" * 64,
    "recipe_kb": "0.1.0",
    "code_version": None,
    "weights": "random",
    "torch": "2.13.0+cpu",
    "transformers": "5.23.0",
    "accelerate": "1.15.0",
    "peft": "0.21.2",
    "bitsandbytes": None,
    "python": "3.11.7",
    "platform": "Linux-x86_64",
    "cpu": "Intel(R) Xeon(R) Processor",
    "num_cores": 2,
    "torch_num_threads": 2,
    "attention": "sdpa",
    "not_measured": {},
}
GPU_FINGERPRINT = CPU_FINGERPRINT | {
    "torch": "2.13.0",
    "gpu": T4,
    "gpu_total_bytes": 15_637_086_208,
    "driver": "580.95",
    "cuda": "13.0",
    "cudnn": 91_200,
    "allocator": None,
}
PLAYED_T4 = Emulation(
    gpu="t4",
    total_bytes=15_637_086_208,
    context_bytes=300 * 2**20,
    capped_bytes=15_000_000_000,
    capped_at="card",
    switched_off=("bf16", "tf32", "flash"),
)


def measured(**changes: Any) -> Measured:
    values: dict[str, Any] = {
        "num_steps": 24,
        "num_micro_batches": 24,
        "loss_first": 2.0,
        "loss_last": 1.0,
        "grad_norm_max": 1.0,
        "num_skipped_steps": 0,
        "step_time_s_median": 0.5,
        "step_time_s_p10": 0.5,
        "step_time_s_p90": 0.5,
        "samples_per_s": 64.0,
        "tokens_per_s": 32768.0,
        "mfu": 0.2,
        "peak_allocated_bytes": 3 * GIB,
        "peak_reserved_bytes": 4 * GIB,
        "device_used_bytes": 5 * GIB,
        "process_peak_rss_bytes": 2 * GIB,
        "num_alloc_retries": 0,
        "wall_s": 20.0,
        "stable": True,
        "clock": "cuda-events",
    }
    return Measured(**values | changes)


def on_gpu(
    figures: dict[str, Any] | None = None, fingerprint: dict[str, Any] | None = None, **changes: Any
) -> Evidence:
    """Return evidence of a T4; `figures` and `fingerprint` change single values of theirs."""
    values: dict[str, Any] = {
        "schema": "kb-evidence/1",
        "recipe": RECIPE,
        "started": "2026-11-22T10:00:00+00:00",
        "mode": "native",
        "gpu_name": T4,
        "verdict": "passed",
        "reason": None,
        "confirmed": ("trains", "memory", "speed"),
        "needs_gpu": (),
        "deviations": (),
        "measured": measured(**figures or {}),
        "fingerprint": GPU_FINGERPRINT | (fingerprint or {}),
    }
    return Evidence.model_validate(values | changes)


def on_cpu(
    figures: dict[str, Any] | None = None, fingerprint: dict[str, Any] | None = None, **changes: Any
) -> Evidence:
    """Return evidence of a CPU, which has no counters of GPU memory."""
    none = {"peak_allocated_bytes": None, "peak_reserved_bytes": None, "device_used_bytes": None, "mfu": None}
    figures = none | {"num_alloc_retries": None, "stable": None, "clock": "host"} | (figures or {})
    values: dict[str, Any] = {
        "mode": "cpu",
        "gpu_name": None,
        "confirmed": ("trains",),
        "needs_gpu": ("memory", "speed", "precision"),
        "fingerprint": CPU_FINGERPRINT | (fingerprint or {}),
        "deviations": ({"setting": "max_length", "recipe": 512, "probe": 64, "why": "shorter-on-cpu"},),
    }
    return on_gpu(figures, **values | changes)
