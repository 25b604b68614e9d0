"""`kb tune`'s search and the sweep on a CPU, with a limit of rows instead of memory: shows that it works, no figure."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from best_batch.question import Bench, Question
from recipe_kb.tune.candidates import Forecast, Shape, shapes
from recipe_kb.tune.search import search
from recipe_kb.tune.trial import Measurement, Room

NUM_STEPS = 4
_MARGIN = 1.05


def tune(task: dict[str, Any], wait_for_turn: Callable[[], None]) -> dict[str, Any]:
    """Search as `kb tune --scale-lr` does; a row counts as a byte of memory, and that is what is predicted."""
    bench = Bench(Question(**task["question"]))
    limit = bench.question.limit_rows or 0
    wait_for_turn()
    start = time.perf_counter()
    room = Room(limit_bytes=int(limit * _MARGIN) + 1, usable_bytes=limit)
    found = search(shapes(1, grows=True), _forecast, lambda batch, _steps: measure(bench, batch), room)
    return {
        "verdict": "found" if found.best else "failed",
        "batch": found.best.shape.batch if found.best else None,
        "seconds": time.perf_counter() - start,
        "tried": [trial.shape.batch for trial in found.trials],
        "num_probes": len(found.trials),
        "num_out_of_memory": bench.counters.num_out_of_memory,
    }


def measure_rows(task: dict[str, Any], wait_for_turn: Callable[[], None]) -> dict[str, Any]:
    """Measure one batch, as a step of the sweep."""
    bench = Bench(Question(**task["question"]))
    wait_for_turn()
    found = measure(bench, task["batch"])
    return {"verdict": found.verdict, "samples_per_s": found.samples_per_s, "num_alloc_retries": 0}


def measure(bench: Bench, batch: int) -> Measurement:
    """Train a few steps in this process."""
    try:
        with tempfile.TemporaryDirectory() as scratch:
            times_s = bench.train(bench.network(), batch, num_steps=NUM_STEPS, scratch=Path(scratch))
    except torch.OutOfMemoryError:
        return Measurement(verdict="oom", samples_per_s=None, peak_reserved_bytes=None, retries=None)
    rate = batch / median(times_s[1:])
    return Measurement(verdict="passed", samples_per_s=rate, peak_reserved_bytes=batch, retries=0)


def _forecast(shape: Shape) -> Forecast:
    return Forecast(reserved_bytes=shape.batch, step_floor_s=None, most_samples_per_s=None)
