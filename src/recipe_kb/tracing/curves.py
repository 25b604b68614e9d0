"""Condensing traces of a model into `kb/memory/MODEL.json`: every method, precision, kernel and checkpointing."""

import itertools
from collections.abc import Iterator

from recipe_kb.memory.shape import ShapedStep, shaped
from recipe_kb.memory.step import UPDATES, Step
from recipe_kb.memory.stored import Cell
from recipe_kb.resolve.traced import TRACED_OPTIMIZER
from recipe_kb.schema.base import Attention, Method, Optimizer, Precision
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Settings
from recipe_kb.tracing.job import job_of
from recipe_kb.tracing.trace import trace, trace_update

OPTIMIZERS: tuple[Optimizer, ...] = ("adamw_torch", "adamw_bnb_8bit", "paged_adamw_8bit", "adafactor", "sgd")
"""Stored apart; `TRACED_OPTIMIZER` is in every step."""

SHAPES = ((2, 128), (3, 128), (2, 256))
"""(rows, tokens) to trace: few and short, because time does not depend on them; not one row, which is special."""


def cells() -> Iterator[Cell]:
    """Yield the cells of any model, the usual ones first.

    fp16 and bf16 differ in memory only where the network calls softmax itself.
    """
    methods: tuple[Method, ...] = ("full", "lora", "qlora")
    attentions: tuple[Attention, ...] = ("sdpa", "eager")
    for attention, method, checkpointing in itertools.product(attentions, methods, (False, True)):
        halves: tuple[Precision, ...] = ("bf16",) if attention == "sdpa" else ("fp16", "bf16")
        for precision in halves if method == "qlora" else ("fp32", *halves):
            yield Cell(method=method, precision=precision, attention=attention, checkpointing=checkpointing)


def step_of(model: Model, settings: Settings, cell: Cell) -> ShapedStep:
    """Trace a cell.

    Args:
        model: The model.
        settings: Whatever the cell does not say: LoRA's rank and dropout, clipping.
        cell: What to trace.

    Raises:
        UnsupportedError: The model cannot be trained so.
    """
    job = job_of(
        model,
        cell.settings(settings, TRACED_OPTIMIZER),
        tasks=1,
        mixing=None,
        method=cell.method,
        sdpa="efficient",
        padded=True,
    )
    return shaped(
        {(rows, length): trace(job, rows=rows, length=length, evaluation_rows=rows) for rows, length in SHAPES}
    )


def update_of(model: Model, settings: Settings, method: Method, optimizer: Optimizer) -> Step:
    """Trace an optimizer on the parameters that a method trains."""
    cell = Cell(method=method, precision="bf16", attention=model.default_attention, checkpointing=False)
    job = job_of(
        model, cell.settings(settings, optimizer), tasks=1, mixing=None, method=method, sdpa="efficient", padded=True
    )
    return trace_update(job).only(*UPDATES)
