"""Ladders: what to change, in order, when memory runs out or training is slow."""

from dataclasses import replace

from recipe_kb.resolve.rules import keep_effective_batch
from recipe_kb.schema.base import Parallel
from recipe_kb.schema.recipe import Ladder, RecipeKey, Rung, Settings

_SHORTEST_LENGTH = 64
_MAX_WORKERS = 4


def build_ladder(key: RecipeKey, settings: Settings, effective: int, parallel: Parallel = "ddp") -> Ladder:
    """Make the ladder of a recipe.

    Args:
        key: The cell, for its length.
        settings: Where the ladder starts.
        effective: The effective batch that smaller and larger per-device batches keep.
        parallel: How several GPUs share the work.
    """
    memory = _smaller_batches(settings.per_device_train_batch_size, effective, limit=2)
    if not settings.gradient_checkpointing:
        memory.append(Rung(set={"gradient_checkpointing": True}, why="gradient-checkpointing"))
    if settings.per_device_eval_batch_size > 1:
        halved = settings.per_device_eval_batch_size // 2
        memory.append(Rung(set={"per_device_eval_batch_size": halved}, why="smaller-eval-batch"))
    if key.max_length // 2 >= _SHORTEST_LENGTH:
        memory.append(Rung(set={"max_length": key.max_length // 2}, why="shorter-length"))
    if key.method == "full" and "8bit" not in settings.optim:
        memory.append(Rung(set={"optim": "adamw_bnb_8bit"}, why="8bit-optimizer"))
    ladder = Ladder(out_of_memory=tuple(memory), slow=tuple(_faster(key, settings)))
    return for_fsdp(ladder) if parallel == "fsdp" else ladder


def for_fsdp(ladder: Ladder) -> Ladder:
    """Leave out the 8-bit optimizers of bitsandbytes, which do not work on shards.

    Source:
        kb/sources.yaml, `axolotl-fsdp2-8bit` and `bitsandbytes-1633`.
    """
    return replace(ladder, out_of_memory=tuple(rung for rung in ladder.out_of_memory if rung.why != "8bit-optimizer"))


def _smaller_batches(per_device: int, effective: int, limit: int) -> list[Rung]:
    rungs: list[Rung] = []
    batch = per_device
    while len(rungs) < limit and batch % 2 == 0:
        batch //= 2
        steps = keep_effective_batch(effective, batch)
        if steps is None:
            break
        values = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": steps}
        rungs.append(Rung(set=dict(values), why="smaller-batch"))
    return rungs


def _faster(key: RecipeKey, settings: Settings) -> list[Rung]:
    """A larger batch is not among them: the recipe already has the largest that fits its effective batch."""
    rungs = []
    if settings.dataloader_num_workers < _MAX_WORKERS:
        rungs.append(Rung(set={"dataloader_num_workers": _MAX_WORKERS}, why="more-workers"))
    if key.max_length // 2 >= _SHORTEST_LENGTH:
        rungs.append(Rung(set={"max_length": key.max_length // 2}, why="shorter-length"))
    return rungs
