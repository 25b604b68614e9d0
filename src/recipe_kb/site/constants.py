"""Numbers of the program that pages quote: `{{ constant('regress.memory_tolerance') | percent }}`.

Each is imported from where it works, so a page cannot say another one; its docstring there says what it means.
"""

from collections.abc import Mapping

from recipe_kb.memory import ddp, predict
from recipe_kb.probe import asked, cpu, gpu_load, nvml, plan, stability, verdict
from recipe_kb.regress.compare import Tolerance
from recipe_kb.resolve import answer, evidence_files
from recipe_kb.schema.recipe import MAX_TASKS
from recipe_kb.tracing import question
from recipe_kb.tune import candidates, following, search, trial

CONSTANTS: Mapping[str, Mapping[str, int | float]] = {
    "recipe": {"default_length": answer.DEFAULT_LENGTH, "max_tasks": MAX_TASKS},
    "memory": {
        "margin": predict.MARGIN,
        "broadcast_bytes": ddp.BROADCAST_BYTES,
        "uncertainty": predict.UNCERTAINTY,
        "version_error": question.VERSION_ERROR,
        "drawn_runs": question.NUM_DRAWS,
        "drawn_micro_batches": question.DRAWN_MICRO_BATCHES,
    },
    "probe": {
        "min_steps": plan.MIN_STEPS,
        "min_rounds": plan.MIN_ROUNDS,
        "max_steps": plan.MAX_STEPS,
        "timeout_s": asked.TIMEOUT_S,
        "most_skipped_share": verdict.MAX_SKIPPED_SHARE,
        "warm_up_steps": stability.WARM_UP_STEPS,
        "min_timed_steps": stability.MIN_TIMED_STEPS,
        "max_drift": stability.MAX_DRIFT,
        "max_spread": stability.MAX_SPREAD,
        "settle_limit_s": stability.LIMIT_S,
        "nvml_interval_s": nvml.INTERVAL_S,
        "nvml_most_failed_share": gpu_load.MAX_FAILED_SHARE,
    },
    "cpu": {
        "batch": cpu.MAX_BATCH_SIZE,
        "joint_rows": cpu.MAX_JOINT_ROWS,
        "evaluation_batch": cpu.MAX_EVAL_BATCH_SIZE,
        "accumulation": cpu.MAX_ACCUMULATION,
        "tokens": cpu.MAX_LENGTH,
    },
    "tune": {
        "most_probes": search.MOST_PROBES,
        "tie": trial.TIE,
        "kept_free": trial.KEPT_FREE,
        "much_larger": following.MUCH_LARGER - 1,
        "row_multiple": candidates.ROW_MULTIPLE,
    },
    "regress": {
        "memory_tolerance": Tolerance().memory,
        "throughput_tolerance": Tolerance().throughput,
        "loss_tolerance": Tolerance().loss,
    },
    "evidence": {"max_age_days": evidence_files.MAX_AGE_DAYS},
}
"""Part of the program -> name -> value."""
