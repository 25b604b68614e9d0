"""`--format lightning`: a configuration for `LightningCLI`, Lightning 2.6.

`trainer` is Lightning's own; `model` and `data` are arguments of the module and the data module of the reader, named as
in transformers.
Lightning divides the loss by `accumulate_grad_batches` itself, so the model needs no mend, and a module must not divide
again.
Its FSDP2 is `ModelParallelStrategy`, and it is the module that shards, in `configure_model`; its older `FSDPStrategy`
refuses to clip by the norm.
"""

from typing import Any

from recipe_kb.dialects.job import Job
from recipe_kb.dialects.launch import parallel_of
from recipe_kb.dialects.loading import load_arguments, lora, method_of, quantization, read_lora
from recipe_kb.dialects.training_arguments import WORKER_ONLY
from recipe_kb.dialects.yaml_text import load
from recipe_kb.i18n import _
from recipe_kb.store.yaml_file import dump

SUFFIX = ".yaml"
_PRECISIONS = {"fp32": "32-true", "fp16": "16-mixed", "bf16": "bf16-mixed"}
_TRAINER = {
    "gradient_accumulation_steps": "accumulate_grad_batches",
    "max_grad_norm": "gradient_clip_val",
    "num_train_epochs": "max_epochs",
}
_MODEL = (
    "gradient_checkpointing",
    "optim",
    "learning_rate",
    "weight_decay",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "lr_scheduler_type",
    "warmup_ratio",
    "tf32",
)
_DATA = (
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "dataloader_num_workers",
    "dataloader_pin_memory",
)
_HEADER = "# {recipe_id}: python main.py fit --config FILE, where main.py is LightningCLI(YourModule, YourDataModule)\n"


def write(job: Job) -> str:
    """Write one recipe."""
    settings = job.settings.given()
    trainer: dict[str, Any] = {
        "accelerator": "gpu",
        "devices": job.num_gpus,
        **({"strategy": _strategy(job)} if job.num_gpus > 1 else {}),
        "precision": _PRECISIONS[job.settings.precision],
        **{theirs: settings[ours] for ours, theirs in _TRAINER.items()},
        "gradient_clip_algorithm": "norm",
    }
    model: dict[str, Any] = {
        "model_name_or_path": job.model.hub_id,
        **load_arguments(job),
        **{name: settings[name] for name in _MODEL},
    }
    parts = {"quantization": quantization(job), "lora": lora(job), "fsdp_config": _fsdp(job)}
    model |= {name: part for name, part in parts.items() if part}
    data = {"max_length": job.key.max_length, "tasks": job.tasks, **{name: settings[name] for name in _DATA}}
    if job.settings.dataloader_num_workers > 0:
        data |= {name: settings[name] for name in WORKER_ONLY if name in settings}
    document = {"seed_everything": 42, "trainer": trainer, "model": model, "data": data}
    return _HEADER.format(recipe_id=job.recipe_id) + dump(document)


def why_not(job: Job) -> str | None:
    """Return why a recipe cannot be written so; None where it can."""
    if job.is_sharded and job.settings.precision == "fp16":
        return _("Lightning has no fp16 with FSDP2")
    return None


def remarks(job: Job) -> list[str]:
    """Say what the reader's module has to do."""
    if not job.is_sharded:
        return []
    said = _("Lightning leaves sharding to the module: its configure_model() must call fully_shard on every {layer}.")
    return [said.format(layer=job.layer or "layer")]


def _strategy(job: Job) -> str | dict[str, Any]:
    """Return how several GPUs share the work."""
    if job.is_sharded:
        sizes = {"data_parallel_size": job.num_gpus, "tensor_parallel_size": 1}
        return {"class_path": "lightning.pytorch.strategies.ModelParallelStrategy", "init_args": sizes}
    return "ddp_find_unused_parameters_true" if job.leaves_heads_unused else "ddp"


def _fsdp(job: Job) -> dict[str, Any]:
    """Return what the module needs to know to shard itself, named as in transformers."""
    if not job.is_sharded:
        return {}
    layer = {"transformer_layer_cls_to_wrap": [job.layer]} if job.layer else {}
    return layer | {"activation_checkpointing": job.settings.gradient_checkpointing}


def read(text: str) -> dict[str, Any]:
    """Return the settings of a document, and of the cell what it says."""
    document = load(text)
    trainer, model, data = document["trainer"], document["model"], document["data"]
    precisions = {theirs: ours for ours, theirs in _PRECISIONS.items()}
    settings = {ours: trainer[theirs] for ours, theirs in _TRAINER.items()}
    settings |= {name: model[name] for name in (*_MODEL, "attn_implementation")}
    settings |= {name: data[name] for name in (*_DATA, *WORKER_ONLY, "max_length", "tasks") if name in data}
    settings |= {"precision": precisions[trainer["precision"]], "num_gpus": trainer["devices"]}
    method = method_of(has_lora="lora" in model, has_quantization="quantization" in model)
    settings |= {"parallel": "fsdp"} if isinstance(trainer.get("strategy"), dict) else {}
    settings |= parallel_of(trainer["devices"], settings)
    return settings | read_lora(model.get("lora", {})) | {"method": method}
