"""What the predictor is asked for a cell whose step the knowledge base holds as a trace."""

import binascii
import zlib
from collections.abc import Mapping
from functools import lru_cache

from recipe_kb.errors import BadInputError
from recipe_kb.i18n import _
from recipe_kb.memory.gpu import Context, device_of
from recipe_kb.memory.layers import LayersError
from recipe_kb.memory.layout import Layout, unpack_layout
from recipe_kb.memory.parallel import Several, Training, is_sharded, shared
from recipe_kb.memory.predict import Question
from recipe_kb.memory.schedule import Plan
from recipe_kb.memory.shape import ShapedStep
from recipe_kb.memory.step import Step
from recipe_kb.memory.stored import Cell, unpack
from recipe_kb.resolve.rules import NUM_LABELS, rows_per_micro_batch
from recipe_kb.schema.base import Optimizer, Parallel
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import RecipeKey, Settings
from recipe_kb.store.layouts import layout_problem
from recipe_kb.store.store import Store
from recipe_kb.store.traced import traced_problem

UNREADABLE = (binascii.Error, zlib.error, ValueError, KeyError, IndexError, TypeError)
"""What text raises that is no packed step."""
TRACED_OPTIMIZER: Optimizer = "adamw_torch_fused"
"""What every step holds; other optimizers are stored apart."""
_FLOAT_BYTES = 4
_LENGTH_MULTIPLE = 8
"""Attention masks are padded to this many tokens; at other lengths a step allocates more than was traced."""


def question_of(
    store: Store,
    key: RecipeKey,
    settings: Settings,
    mixing: str | None,
    model: Model,
    gpu: Gpu | None,
    context: Context,
    total_bytes: int,
    parallel: Parallel = "ddp",
) -> Question | None:
    """Ask for the memory of a cell; where it is for several GPUs, of one of them.

    Args:
        store: Holds the traced steps.
        key: Task count, length, method.
        settings: What is trained.
        mixing: `interleaved`, `joint`, or None for one task.
        model: The network.
        gpu: None for a card known only by its size.
        context: Memory outside the allocator.
        total_bytes: What torch reports.
        parallel: How several GPUs share the work.

    Returns:
        None if no step was traced for these settings, or it cannot be shared: nobody has written how several GPUs share
        the parameters, or FSDP does not know the optimizer or find the layers.

    Raises:
        BadInputError: The stored step cannot be read.
    """
    several = Several(num_gpus=key.num_gpus, parallel=parallel)
    layout = None
    if key.num_gpus > 1:
        layout = _layout(store, key)
        if layout is None or (parallel == "fsdp" and not is_sharded(key.method, settings.optim)):
            return None
    record = store.memory(key.model)
    name = str(Cell.of_settings(settings, key.method))
    packed = record["steps"].get(name) if record else None
    clipped = settings.max_grad_norm > 0  # every step was traced with clipping
    if record is None or packed is None or not clipped or not _adapters_as_traced(store, key, settings):
        return None
    place = store.shown(store.memory_path(key.model))
    update: Step | None = None
    if settings.optim != TRACED_OPTIMIZER:
        trained = f"{'full' if key.method == 'full' else 'lora'}/{settings.optim}"
        if trained not in record["updates"]:
            return None
        update = read_step(record["updates"], trained, place).at(1, 1)
    question = Question(
        step=read_step(record["steps"], name, place),
        update=update,
        rows=rows_per_micro_batch(settings.per_device_train_batch_size, key.tasks[1], mixing),
        length=counted_length(key.max_length),
        plan=Plan(loop="trainer", accumulation=settings.gradient_accumulation_steps, evaluation_batches=2),
        evaluation_rows=settings.per_device_eval_batch_size,
        other_heads=_other_heads(key, model),
        device=device_of(gpu, store.cuda()),
        context=context,
        total_bytes=total_bytes,
    )
    if layout is None:
        return question
    try:
        return shared(question, layout, several, training_of(key, settings))
    except LayersError:
        return None


def training_of(key: RecipeKey, settings: Settings) -> Training:
    """Return what decides how several GPUs share a training."""
    return Training(
        method=key.method,
        precision=settings.precision,
        checkpointing=settings.gradient_checkpointing,
        num_tasks=key.tasks[1],
    )


def counted_length(max_length: int) -> int:
    """Return the length that memory is predicted for: the next one that attention needs no padding for."""
    return -(-max_length // _LENGTH_MULTIPLE) * _LENGTH_MULTIPLE


def read_step(packed: Mapping[str, str], name: str, place: str) -> ShapedStep:
    """Unpack one step of a file.

    Args:
        packed: Name to packed step.
        name: Which one.
        place: The file, as problems print it.

    Raises:
        BadInputError: It is no packed step.
    """
    try:
        return _unpacked(packed[name])
    except UNREADABLE as error:
        what = _("{name} is not a packed step: {why}").format(name=name, why=f"{type(error).__name__}: {error}")
        raise BadInputError(traced_problem(what, place)) from error


def _layout(store: Store, key: RecipeKey) -> Layout | None:
    """Return how the parameters of a network are shared out; None if its file does not say."""
    record = store.layouts(key.model)
    if record is None or key.method not in record["layouts"]:
        return None
    try:
        return _unpacked_layout(record["layouts"][key.method])
    except UNREADABLE as error:
        what = _("{name} is not a packed layout: {why}").format(name=key.method, why=f"{type(error).__name__}: {error}")
        raise BadInputError(layout_problem(what, store.shown(f"layouts/{key.model}.json"))) from error


_unpacked_layout = lru_cache(maxsize=8)(unpack_layout)
_unpacked = lru_cache(maxsize=8)(unpack)
"""One answer asks for the same steps on many GPUs and with many batches."""


def _adapters_as_traced(store: Store, key: RecipeKey, settings: Settings) -> bool:
    """Say whether adapters have the rank that was traced, and dropout as they had."""
    if key.method == "full":
        return True
    traced = store.rule("lora-start").constants
    same_dropout = bool(settings.lora_dropout) == bool(traced["lora_dropout"])
    return settings.lora_r == traced["lora_r"] and same_dropout


def _other_heads(key: RecipeKey, model: Model) -> tuple[int, ...]:
    """Return the bytes of weight and bias of each head beyond the one that was traced."""
    if model.family != "encoder":
        return ()
    weight = NUM_LABELS * model.shape.hidden_size * _FLOAT_BYTES
    return (weight, NUM_LABELS * _FLOAT_BYTES) * (key.tasks[1] - 1)
