"""Recipes for several GPUs: a recipe of one shared among them, and how many a training needs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.memory.parallel import is_sharded
from recipe_kb.resolve.ladder import build_ladder
from recipe_kb.resolve.memory import memory_fits
from recipe_kb.resolve.rules import keep_effective_batch
from recipe_kb.schema.base import Optimizer, Parallel, Text
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Provenance, Recipe, RecipeKey
from recipe_kb.store.store import Store

COUNTS = (2, 4, 8)
"""Numbers of cards that are tried: those of usual machines."""
NOTES: Mapping[Parallel, Text] = {
    "ddp": Text(
        en="Memory is that of one of the GPUs, with the buckets in which DDP sums gradients, as large as all gradients "
        "together. NCCL's own buffers lie outside PyTorch's allocator and are not counted.",
        vi="Bộ nhớ là của một trong các GPU, đã tính các bucket mà DDP dùng để cộng gradient, cỡ bằng tất cả gradient "
        "gộp lại. Bộ đệm riêng của NCCL nằm ngoài bộ cấp phát của PyTorch nên không tính.",
    ),
    "fsdp": Text(
        en="Memory is that of one of the GPUs under FSDP, with every transformer layer wrapped: each keeps a share of "
        "weights, gradients and optimizer state. NCCL's own buffers are not counted, and no run on several GPUs has "
        "measured this prediction yet.",
        vi="Bộ nhớ là của một trong các GPU khi chạy FSDP, bọc từng layer transformer: mỗi GPU chỉ giữ một phần trọng "
        "số, gradient và trạng thái của optimizer. Chưa tính bộ đệm riêng của NCCL, và chưa có lần chạy nhiều GPU nào "
        "đo dự đoán này.",
    ),
}


class NotPredictedError(BadInputError):
    """FSDP is asked for, and its memory is not predicted with the method or the optimizer."""


def ways(key: RecipeKey, optim: Optimizer, parallel: Parallel | None) -> tuple[Parallel, ...]:
    """Return how several GPUs may share the work: as asked, else DDP and, where that is too much, FSDP.

    Raises:
        NotPredictedError: FSDP is asked for, and its memory is not predicted with this method or optimizer.
    """
    sharded = is_sharded(key.method, optim)
    if parallel == "fsdp" and not sharded:
        what = _("FSDP is not predicted with method {method} and optimizer {optim}; expected --parallel ddp.")
        what = what.format(method=key.method, optim=optim)
        raise NotPredictedError(Problem(code="KB221", what=what, next_command="kb recipe --help"))
    if parallel is not None:
        return (parallel,)
    return ("ddp", "fsdp") if sharded else ("ddp",)


def layer_of(store: Store, model_id: str, parallel: Parallel | None) -> str | None:
    """Return the class of the layers that FSDP gathers one at a time, as memory is predicted with.

    Args:
        store: Holds the layouts.
        model_id: The network.
        parallel: How several GPUs share the work.

    Returns:
        None without FSDP, or where nobody has written down the layers of the network.

    Raises:
        BadInputError: The file of the layouts cannot be read.
    """
    record = store.layouts(model_id) if parallel == "fsdp" else None
    return record["layer"] if record else None


def share(
    store: Store, key: RecipeKey, recipe: Recipe, gpu: Gpu | None, model: Model, parallel: Parallel
) -> Recipe | None:
    """Split the effective batch of a recipe over several GPUs, as large per device as the recipe and memory allow.

    Args:
        store: Holds the traced steps.
        key: The cell, with the number of GPUs.
        recipe: Of one GPU.
        gpu: None for a card known only by its size.
        model: The network.
        parallel: How the GPUs share the work.

    Returns:
        None where not even one row fits.

    Raises:
        BadInputError: The effective batch does not divide by so many GPUs.
    """
    shared = list(_shared(key, recipe, parallel))
    if not shared:
        raise BadInputError(not_divisible(recipe.effective_batch_size, key.num_gpus))
    fits = (one for one in shared if memory_fits(store, key, one.settings, one.task_mixing, gpu, model, parallel))
    return next(fits, None)


def not_divisible(effective: int, num_gpus: int) -> Problem:
    """Say which numbers of GPUs an effective batch can be split over."""
    divisors = [str(count) for count in range(2, effective + 1) if effective % count == 0]
    what = _("An effective batch of {effective} cannot be split over {count} GPUs; these counts work: {counts}.")
    what = what.format(effective=effective, count=num_gpus, counts=", ".join(divisors))
    return Problem(code="KB205", what=what, next_command="kb recipe --help")


def fits_from(store: Store, key: RecipeKey, gpu: Gpu | None, model: Model) -> int | None:
    """Return the smallest number of cards on which FSDP holds a training that one card does not; None for none tried.

    DDP needs more on each card, not less.
    """
    from recipe_kb.resolve.derive import is_derivable

    if key.method == "qlora":
        return None
    counts = (count for count in COUNTS if count > key.num_gpus)
    return next(
        (count for count in counts if is_derivable(store, replace(key, num_gpus=count), gpu, model, None, "fsdp")), None
    )


def _shared(key: RecipeKey, recipe: Recipe, parallel: Parallel) -> Iterator[Recipe]:
    """Yield the recipe with every per-device batch that keeps the effective one, the largest first."""
    effective, settings = recipe.effective_batch_size, recipe.settings
    for per_device in range(settings.per_device_train_batch_size, 0, -1):
        steps = keep_effective_batch(effective, per_device, key.num_gpus)
        if not steps:
            continue
        evaluated = per_device * settings.per_device_eval_batch_size // settings.per_device_train_batch_size
        changed = replace(
            settings,
            per_device_train_batch_size=per_device,
            per_device_eval_batch_size=max(1, evaluated),
            gradient_accumulation_steps=steps,
        )
        moved = ("per_device_train_batch_size", "gradient_accumulation_steps")
        yield replace(
            recipe,
            origin="derived",
            status="predicted",
            settings=changed,
            provenance=recipe.provenance | dict.fromkeys(moved, Provenance(rule="keep-effective-batch")),
            effective_batch_size=effective,
            ladder=build_ladder(key, changed, per_device * steps, parallel),
            corrections=(),
            notes=(*recipe.notes, NOTES[parallel]),
        )
