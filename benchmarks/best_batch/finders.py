"""The batch finders of others, each on the question's own network and rows; run in a child process."""

import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from best_batch.question import Bench, Question, Work

STEPS_PER_TRIAL = 3
"""Lightning's default; accelerate's decorator runs whatever it decorates, here as many."""


def find(task: dict[str, Any], wait_for_turn: Callable[[], None]) -> dict[str, Any]:
    """Let one contestant find its batch.

    Args:
        task: `question`, `contestant`, and its options.
        wait_for_turn: Returns when this process may use the GPU.

    Returns:
        `verdict` and `error`, or what was found: `batch`, `seconds`, `tried`, `num_probes`, `num_out_of_memory`. The
        time counts from the network's first line to the answer; imports are made before, which costs nobody anything.
    """
    question = Question(**task["question"])
    work = CONTESTANTS[task["contestant"]]
    try:
        if work is lightning_finder:
            import lightning.pytorch  # noqa: F401
    except ImportError as error:
        return {"verdict": "missing", "error": f"{error}. -> pip install lightning"}
    wait_for_turn()
    bench, start = Bench(question), time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            batch = work(bench, task, Path(scratch))
    except Exception:  # noqa: BLE001 - a finder that fails is a result of the comparison
        return {"verdict": "failed", "error": traceback.format_exc()[-2000:], **_counted(bench)}
    return {"verdict": "found", "batch": batch, "seconds": time.perf_counter() - start, **_counted(bench)}


def _counted(bench: Bench) -> dict[str, Any]:
    counters = bench.counters
    return {
        "tried": counters.tried,
        "num_probes": len(counters.tried),
        "num_out_of_memory": counters.read(bench.question),
    }


def accelerate_finder(bench: Bench, options: dict[str, Any], scratch: Path) -> int:
    """Return what `accelerate.utils.find_executable_batch_size` ends with; each attempt builds its own network."""
    from accelerate.utils import find_executable_batch_size

    @find_executable_batch_size(starting_batch_size=options["start_rows"])  # type: ignore[untyped-decorator]
    def attempt(batch_size: int) -> int:
        bench.train(bench.network(), batch_size, num_steps=STEPS_PER_TRIAL, scratch=scratch)
        return batch_size

    found: int = attempt()
    return found


def lightning_finder(bench: Bench, options: dict[str, Any], scratch: Path) -> int:
    """Return what Lightning's `Tuner.scale_batch_size` ends with."""
    from lightning.pytorch import Trainer
    from lightning.pytorch.tuner import Tuner

    from best_batch.lightning_module import TunedModule

    precision = {"fp32": "32-true", "fp16": "16-mixed", "bf16": "bf16-mixed"}[bench.settings.precision]
    trainer = Trainer(
        accelerator="gpu" if bench.question.device == "cuda" else "cpu",
        devices=1,
        precision=precision,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=scratch,
        gradient_clip_val=bench.settings.max_grad_norm or None,
    )
    found: int | None = Tuner(trainer).scale_batch_size(
        TunedModule(bench), mode=options["mode"], steps_per_trial=STEPS_PER_TRIAL
    )
    if found is None:
        raise RuntimeError("Lightning named no batch")
    return found


CONTESTANTS: dict[str, Work] = {
    "lightning power": lightning_finder,
    "lightning binsearch": lightning_finder,
    "accelerate": accelerate_finder,
}
"""Name -> its function."""
