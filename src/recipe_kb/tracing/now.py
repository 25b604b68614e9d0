"""Tracing the step of a question now, with the installed packages.

Sizes are linear in the rows, so one trace stands for all batches: at a number of rows larger than any size that does
not depend on them, each size falls apart into both parts by division. Fake tensors take no memory, however many rows
they have.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from recipe_kb.memory.gpu import best_sdpa_kernel
from recipe_kb.memory.layout import Layout
from recipe_kb.memory.shape import ShapedStep, ShapeError, shaped
from recipe_kb.memory.step import Step
from recipe_kb.tracing.question import Asked, TraceFailedError
from recipe_kb.tracing.without import without_packages

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
with without_packages("scipy", "sklearn", "pandas"):
    import torch
    from torch import nn

    from recipe_kb.tracing.job import job_of
    from recipe_kb.tracing.layout import layout_of
    from recipe_kb.tracing.trace import Job, trace

MANY_ROWS = 2**32 + 1
"""More than the largest weight has bytes; at a few thousand tokens the logits of so many rows still fit 64 bits."""
FEW_ROWS = (2, 3)
"""One row is special: some copies become views."""


def traced_now(asked: Asked, length: int, other_length: int | None) -> ShapedStep:
    """Trace a training step and an evaluation step.

    Args:
        asked: What is trained.
        length: Tokens of each row; the result is exact there.
        other_length: Traced as well where the result is wanted at every length.

    Raises:
        UnsupportedError: The network cannot be trained so.
        TraceFailedError: It cannot be followed on fake tensors.
    """
    with _quietly(), _failures_named():
        job = _job(asked)
        first = _at_few_rows(job, length)
        few, more = FEW_ROWS
        points = {(few, length): first(few), (more, length): first(more)}
        if other_length is not None:
            points[few, other_length] = _at_few_rows(job, other_length)(few)
        return shaped(points)


def layout_now(asked: Asked) -> Layout:
    """Return how several GPUs share the parameters of the network that is traced; raises as `traced_now` does."""
    with _quietly(), _failures_named(), torch.device("meta"):
        return layout_of(_job(asked).build())


def _job(asked: Asked) -> Job:
    job = job_of(
        asked.model,
        asked.settings,
        tasks=asked.key.tasks[1],
        mixing=asked.mixing,
        method=asked.key.method,
        sdpa=best_sdpa_kernel(asked.gpu),
        padded=asked.padding != "none",
    )
    if asked.loop == "trainer":
        return job
    return replace(job, loop=asked.loop, build=_with_cache(job.build))


def _with_cache(build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """Leave the key-value cache on, as a loop that does not know of it does."""

    def build_with_cache() -> nn.Module:
        network = build()
        network.config.use_cache = True
        return network

    return build_with_cache


def _at_few_rows(job: Job, length: int) -> Callable[[int], Step]:
    """Trace once, or where that cannot be taken apart once for each number of rows."""
    try:
        step = trace(job, rows=MANY_ROWS, length=length, evaluation_rows=MANY_ROWS)
    except RuntimeError:  # sizes over 64 bits; whatever else it is comes again
        return lambda rows: trace(job, rows=rows, length=length, evaluation_rows=rows)
    largest_weight = max((step.num_bytes[event] for event in step.parts["placement"] if event >= 0), default=0)
    # Operations that do not depend on the rows, as DeBERTa's on its relative positions, soon are more than the rows.
    if largest_weight >= MANY_ROWS or step.flops % MANY_ROWS or step.evaluation_flops % MANY_ROWS:
        return lambda rows: trace(job, rows=rows, length=length, evaluation_rows=rows)
    return lambda rows: of_rows(step, MANY_ROWS, rows)


def of_rows(step: Step, traced_rows: int, rows: int) -> Step:
    """Return a step at another number of rows.

    Args:
        step: Traced at more rows than any size has bytes that does not depend on them.
        traced_rows: Its rows.
        rows: The rows wanted.
    """

    def value(traced: int) -> int:
        slope, constant = divmod(traced, traced_rows)
        return constant + slope * rows

    return replace(
        step,
        num_bytes=tuple(value(size) for size in step.num_bytes),
        flops=value(step.flops),
        evaluation_flops=value(step.evaluation_flops),
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep what libraries have to say about a run that never happens off the terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except (ShapeError, RuntimeError, NotImplementedError, TypeError, AttributeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise TraceFailedError(lines[0]) from error
