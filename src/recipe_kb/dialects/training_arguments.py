"""Settings as keyword arguments of `transformers.TrainingArguments`, 5.23, and back.

Gradient accumulation is not what it seems here (transformers 5.23, huggingface/transformers#47688).
`Trainer` divides each micro-batch's loss by `gradient_accumulation_steps` only if it believes that the model
does not normalise the loss itself, and it believes that of every `forward` that takes `**kwargs`.
Causal language models keep the promise: they divide by `num_items_in_batch`.
The classification heads of encoders take `**kwargs` and ignore it, so accumulating over A micro-batches makes
the gradient A times too large; clipping, fp16 overflow and the logged loss are all off.
`model_attributes` says what to set on the model so that `Trainer` divides.

`attn_implementation` and `lora_*` belong to building the model and are no arguments of the trainer.
"""

from collections.abc import Mapping

from recipe_kb.schema.base import Parallel
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Settings

SAME_NAME = (
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "gradient_accumulation_steps",
    "learning_rate",
    "lr_scheduler_type",
    "num_train_epochs",
    "optim",
    "weight_decay",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "max_grad_norm",
    "dataloader_num_workers",
    "dataloader_pin_memory",
)
"""Settings that `TrainingArguments` spells as we do."""

WORKER_ONLY = ("dataloader_prefetch_factor", "dataloader_persistent_workers")
"""Settings of the loader's worker processes: an error where there are none."""

DEFAULTS: Mapping[str, object] = {
    "per_device_train_batch_size": 8,
    "per_device_eval_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "learning_rate": 5e-5,
    "lr_scheduler_type": "linear",
    "warmup_ratio": 0.0,
    "num_train_epochs": 3.0,
    "optim": "adamw_torch_fused",
    "weight_decay": 0.0,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-8,
    "max_grad_norm": 1.0,
    "precision": "fp32",
    "tf32": False,
    "gradient_checkpointing": False,
    "dataloader_num_workers": 0,
    "dataloader_pin_memory": True,
    "dataloader_persistent_workers": False,
    "num_gpus": 1,
}
"""What `TrainingArguments` takes where nobody says it; a test holds it against the class."""


def write(
    settings: Settings,
    *,
    num_gpus: int = 1,
    parallel: Parallel = "ddp",
    layer: str | None = None,
    interleaved_heads: bool = False,
) -> dict[str, object]:
    """Spell the settings as keyword arguments of `TrainingArguments`.

    Args:
        settings: A recipe's settings.
        num_gpus: Processes that train together; a launcher starts them, no argument does.
        parallel: How they share the work.
        layer: Class of the layers that FSDP gathers one at a time; None leaves it to what the network names.
        interleaved_heads: Whether a micro-step goes through one of several heads. The others have no gradient then,
            and DDP stops at the second step unless it is told to look for them.

    Returns:
        Arguments for each process on its GPU; what a run adds (output folder, number of steps) is not among them.

    Source:
        transformers 5.23 `training_args.py`: a `warmup_steps` below 1 is a ratio (`warmup_ratio` is gone),
        `activation_checkpointing` replaced `gradient_checkpointing`, and `tf32=True` raises below sm_80.
    """
    arguments: dict[str, object] = {name: getattr(settings, name) for name in SAME_NAME}
    arguments["warmup_steps"] = settings.warmup_ratio
    arguments["activation_checkpointing"] = settings.gradient_checkpointing
    if settings.precision != "fp32":
        arguments[settings.precision] = True
    if settings.tf32:
        arguments["tf32"] = True
    if settings.dataloader_num_workers > 0:
        worker_only = {name: getattr(settings, name) for name in WORKER_ONLY}
        arguments |= {name: value for name, value in worker_only.items() if value is not None}
    if num_gpus > 1 and parallel == "fsdp":
        return _sharded(arguments, layer)
    if num_gpus > 1 and interleaved_heads:
        arguments["ddp_find_unused_parameters"] = True
    return arguments


def _sharded(arguments: dict[str, object], layer: str | None) -> dict[str, object]:
    """Ask for FSDP, layer by layer; recomputing activations is its own affair then, or each layer is gathered twice.

    Source:
        transformers 5.23 `training_args.py`, `fsdp_config`: "When using FSDP, prefer this over the
        `activation_checkpointing` training argument". accelerate wraps what `_no_split_modules` of the network names
        where no class is given, and DistilBERT and DeBERTa name none.
    """
    config: dict[str, object] = {"transformer_layer_cls_to_wrap": [layer]} if layer else {}
    if arguments["activation_checkpointing"]:
        del arguments["activation_checkpointing"]
        config["activation_checkpointing"] = True
    return arguments | {"fsdp": True} | ({"fsdp_config": config} if config else {})


def read(arguments: Mapping[str, object]) -> dict[str, object]:
    """Name what `TrainingArguments` keywords say in the words of `Settings`.

    Args:
        arguments: Keyword arguments, current or deprecated spelling; what is no setting is ignored.

    Returns:
        The settings given. `precision` and `tf32` are always among them, because leaving their flags out decides
        them too. A `warmup_steps` of 1 or more keeps its name: as a ratio it would depend on the length of the run.
        `parallel` is among them where they ask for FSDP.
    """
    names = (*SAME_NAME, *WORKER_ONLY, "gradient_checkpointing", "warmup_ratio")
    settings = {name: arguments[name] for name in names if name in arguments}
    if "activation_checkpointing" in arguments:
        settings["gradient_checkpointing"] = arguments["activation_checkpointing"]
    if arguments.get("fsdp"):
        config = arguments.get("fsdp_config")
        settings["parallel"] = "fsdp"
        settings["gradient_checkpointing"] = isinstance(config, Mapping) and bool(
            config.get("activation_checkpointing")
        )
    warmup = arguments.get("warmup_steps")
    if isinstance(warmup, int | float):
        settings["warmup_ratio" if warmup < 1 else "warmup_steps"] = warmup
    settings["precision"] = next((name for name in ("fp16", "bf16") if arguments.get(name)), "fp32")
    settings["tf32"] = bool(arguments.get("tf32"))
    return settings


def model_attributes(model: Model) -> dict[str, object]:
    """Return the attributes to set on the model before `Trainer` sees it, so that accumulation is exact.

    Args:
        model: The model; an encoder is trained through heads that return a mean over the micro-batch.

    Returns:
        Attribute name to value; nothing for a decoder, which is trained as a causal language model.
    """
    return {"accepts_loss_kwargs": False} if model.family == "encoder" else {}
