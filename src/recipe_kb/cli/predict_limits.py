"""What `kb predict` refuses, and why: what a card lacks, and options that contradict each other."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recipe_kb.errors import Problem
from recipe_kb.i18n import _
from recipe_kb.memory.parallel import is_sharded
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import RecipeKey, Settings

PREDICTED_ATTENTION = ("eager", "sdpa")
_MOST_BATCHES = 256
"""Of an evaluation that keeps its logits: each joins them to a larger block, so none repeats and all are replayed."""
_EIGHT_BIT = ("adamw_bnb_8bit", "paged_adamw_8bit")


def refused(
    key: RecipeKey, gpu: Gpu | None, model: Model, settings: Settings, options: Mapping[str, Any]
) -> list[Problem]:
    """Return everything that is wrong with a question.

    Args:
        key: The cell.
        gpu: None for a card known by its size alone, of which nothing is known that it lacks.
        model: The network.
        settings: As they would run.
        options: As they were given.
    """
    problems = [Problem(code="KB213", what=what, next_command=f"kb show {key.gpu}") for what in _lacks(gpu, settings)]
    contradictions = _contradictions(key, model, settings, options)
    problems += [Problem(code="KB214", what=what, next_command="kb predict --help") for what in contradictions]
    if settings.attn_implementation not in PREDICTED_ATTENTION:
        what = _("Memory of attention kernel {got} is not predicted; expected {known}.")
        what = what.format(got=settings.attn_implementation, known=_(" or ").join(PREDICTED_ATTENTION))
        problems.append(Problem(code="KB215", what=what, next_command="kb predict --help"))
    if options["plot"] is not None:
        problems += _cannot_be_written(options["plot"])
    return problems


def too_long(model_id: str, limit: int, length: int) -> Problem:
    """Say that the model does not take so many tokens."""
    what = _("{model} takes at most {limit} tokens (got --max-length {length}).")
    what = what.format(model=model_id, limit=limit, length=length)
    return Problem(code="KB204", what=what, next_command=f"kb show {model_id}")


def _lacks(gpu: Gpu | None, settings: Settings) -> Iterator[str]:
    """Yield what the settings need and the card does not have."""
    if gpu is None:
        return
    has = gpu.supports
    if settings.precision == "bf16" and not has.bf16:
        what = _("{gpu} has no bf16 (got precision bf16); expected --precision fp16 or --precision fp32.")
        yield what.format(gpu=gpu.name)
    if settings.tf32 and not has.tf32:
        yield _("{gpu} has no TF32 (got tf32 true); expected --no-tf32.").format(gpu=gpu.name)
    if settings.optim in _EIGHT_BIT and not has.bnb_8bit_optimizer:
        what = _("bitsandbytes has no 8-bit kernels for {gpu} (got optim {optim}); expected --optim adamw_torch_fused.")
        yield what.format(gpu=gpu.name, optim=settings.optim)


def _contradictions(key: RecipeKey, model: Model, settings: Settings, options: Mapping[str, Any]) -> Iterator[str]:
    if options["mixing"] and (model.family != "encoder" or key.tasks[1] == 1):
        yield _("--mixing is about several tasks of an encoder; this is a decoder, or a single task.")
    if options["lora_r"] and key.method == "full":
        yield _("--lora-r is about adapters, and method full has none.")
    if options["dynamic_padding"] and options["no_padding"]:
        yield _("--dynamic-padding and --no-padding exclude each other.")
    if options["evaluation_samples"] and options["evaluation_batch"] == 0:
        yield _("--evaluation-samples needs an evaluation, and --evaluation-batch 0 means none.")
    if options.get("parallel") and key.num_gpus == 1:
        yield _("--parallel is about several GPUs; expected --num-gpus too.")
    if options.get("parallel") == "fsdp" and not is_sharded(key.method, settings.optim):
        what = _("FSDP is not predicted with method {method} and optimizer {optim}; expected --parallel ddp.")
        yield what.format(method=key.method, optim=settings.optim)
    rows = settings.per_device_eval_batch_size
    batches = -(-(options["evaluation_samples"] or 0) // rows)
    if batches > _MOST_BATCHES:
        what = _(
            "--evaluation-samples {samples} in batches of {rows} are {batches} batches, and at most {most} are "
            "replayed; expected a larger --evaluation-batch or at most {fewer} samples."
        )
        samples, fewer = options["evaluation_samples"], _MOST_BATCHES * rows
        yield what.format(samples=samples, rows=rows, batches=batches, most=_MOST_BATCHES, fewer=fewer)
    if options["evaluation_samples"] and key.num_gpus > 1:
        yield _("--evaluation-samples is predicted for one GPU alone: several gather the logits of all on each.")
    if key.method == "qlora" and settings.precision == "fp32":
        yield _("Method qlora computes in half precision (got precision fp32).")


def _cannot_be_written(path: Path) -> Iterator[Problem]:
    """Look before anything is computed whether the picture can be written."""
    folder = path.absolute().parent
    if path.suffix.lower() != ".svg":
        what = _("--plot writes SVG; expected a name that ends in .svg.")
    elif path.is_dir():
        what = _("--plot: that is a folder; expected the name of a file.")
    elif not folder.is_dir():
        what = _("--plot: there is no folder {folder}.").format(folder=folder)
    elif not os.access(path if path.exists() else folder, os.W_OK):
        what = _("--plot: no permission to write there.")
    else:
        return
    yield Problem(code="KB216", what=what, where=str(path), next_command="kb predict --help")
