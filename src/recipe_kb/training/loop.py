"""Running it: Hugging Face `Trainer` with the arguments that the recipe exports, watched step by step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PrinterCallback, Trainer, TrainingArguments

from recipe_kb.dialects.training_arguments import write
from recipe_kb.schema import reasons
from recipe_kb.schema.base import Parallel
from recipe_kb.schema.recipe import Settings
from recipe_kb.training.data import TaskRows, collate
from recipe_kb.training.network import SEED
from recipe_kb.training.steps import Step
from recipe_kb.training.together import shard_on_cpu
from recipe_kb.training.unsupported import UnsupportedError
from recipe_kb.training.watch import IsEnough, StepWatch

OnStep = Callable[[Step], None]


def training_arguments(
    settings: Settings,
    *,
    num_steps: int,
    output_dir: Path,
    use_cpu: bool,
    num_gpus: int = 1,
    parallel: Parallel = "ddp",
    layer: str | None = None,
    interleaved_heads: bool = False,
) -> TrainingArguments:
    """Complete the recipe's arguments with what makes the run short, quiet and observable.

    Args:
        settings: The recipe's, or what fits this machine.
        num_steps: Optimizer steps; the schedule and its warm-up are squeezed into them.
        output_dir: Scratch folder: `Trainer` makes it, though nothing is saved.
        use_cpu: Stay on the CPU even if there is a GPU.
        num_gpus: Processes that train together; torchrun has started this one as one of them if it is more than one.
        parallel: How they share the work.
        layer: Class of the layers that FSDP gathers one at a time; None leaves it to what the network names.
        interleaved_heads: Whether a micro-step goes through one of several heads.

    Returns:
        Arguments for this process.

    Raises:
        UnsupportedError: transformers refuses a setting on this machine, as TF32 below sm_80.
    """
    added: dict[str, Any] = {"ddp_backend": "gloo"} if num_gpus > 1 and use_cpu else {}
    told = write(settings, num_gpus=num_gpus, parallel=parallel, layer=layer, interleaved_heads=interleaved_heads)
    try:
        return TrainingArguments(
            **told | added,
            output_dir=str(output_dir),
            use_cpu=use_cpu,
            max_steps=num_steps,
            seed=SEED,
            train_sampling_strategy="sequential",  # a shuffled micro-batch would mix tasks
            logging_strategy="steps",
            logging_steps=1,
            logging_nan_inf_filter=False,  # on, it replaces a NaN loss by the average of the ones before
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
    except ValueError as error:
        raise UnsupportedError(f"{reasons.ARGUMENTS_REFUSED}: {error}") from error


def train(
    network: nn.Module,
    arguments: TrainingArguments,
    *,
    train_rows: TaskRows,
    eval_rows: TaskRows,
    on_step: OnStep = lambda _step: None,
    max_steps: int | None = None,
    is_enough: IsEnough | None = None,
) -> list[Step]:
    """Train, then evaluate once, as a user's run does.

    Args:
        network: From `build_network`; trained in place.
        arguments: From `training_arguments`.
        train_rows: As many rows as the optimizer steps take, `max_steps` of them where it is given. Of several
            processes each is given all rows and takes its own: process r of N the micro-batches r, r + N, r + 2N ...
        eval_rows: One evaluation batch for each process.
        on_step: Called after each optimizer step.
        max_steps: Go on for so many optimizer steps, past those of the arguments, which the schedule still spans.
        is_enough: Asked after each optimizer step whether to end before that.

    Returns:
        The optimizer steps, in order.

    Raises:
        ImportError: The optimizer needs a package that is not installed.
    """
    if arguments.fsdp and arguments.use_cpu:
        shard_on_cpu()
    watch = StepWatch(on_step, max_steps=max_steps, is_enough=is_enough)
    trainer = Trainer(
        model=network,
        args=arguments,
        train_dataset=train_rows,
        eval_dataset=eval_rows,
        data_collator=collate,
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    trainer.evaluate()
    return watch.steps
