"""Recipes to write down, small enough to be trained by what was written, and the probe's run of the same."""

import dataclasses
import json

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForTokenClassification

from recipe_kb.dialects.job import Job, Rung
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.training.data import Plan, TaskRows
from recipe_kb.training.loop import train, training_arguments
from recipe_kb.training.network import build_network
from tiny import BERT, NO_DROPOUT, QWEN2, model_of, recipe_with

CONFIGS = {"encoder": BERT | NO_DROPOUT, "decoder": QWEN2}
LAYERS = {"encoder": "BertLayer", "decoder": "Qwen2DecoderLayer"}
LORA = {"lora_r": 4, "lora_alpha": 8, "lora_dropout": 0.0}
NUM_STEPS = 2
LENGTH = 16


def job_with(family="encoder", tasks=1, method="full", num_gpus=1, config=None, parallel=None, **values):
    """Two micro-batches a step, so that accumulation counts."""
    values = {"gradient_accumulation_steps": 2, "learning_rate": 1e-3} | values
    values = values | (LORA if method != "full" else {})
    key = RecipeKey(gpu="tests", model="tiny", tasks=(tasks, tasks), max_length=LENGTH, method=method)
    mixing = "interleaved" if tasks > 1 and family == "encoder" else None
    return Job(
        recipe_id=str(key),
        key=key,
        recipe=recipe_with(mixing, **values),
        model=model_of(CONFIGS[family] | (config or {})),
        num_gpus=num_gpus,
        parallel=parallel or ("ddp" if num_gpus > 1 else None),
        layer=LAYERS[family] if parallel == "fsdp" else None,
        gpu_name="Test card",
        find_rungs=lambda: (Rung(changes={}, needs_bytes=2**30), Rung(changes={"max_length": 8}, needs_bytes=2**29)),
    )


def save_pretrained(job, folder):
    """Write a checkpoint as the hub has one: without the head that fine-tuning makes."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(**job.model.config)
    if job.is_encoder:
        AutoModelForTokenClassification.from_config(config).base_model.save_pretrained(folder)
    else:
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def rows_of(job, num_micro_batches):
    return TaskRows(
        Plan(
            family=job.model.family,
            tasks=job.tasks,
            mixing="interleaved",
            vocab_size=job.model.config["vocab_size"],
            max_length=LENGTH,
            batch_size=job.settings.per_device_train_batch_size,
            num_micro_batches=num_micro_batches,
        )
    )


def write_rows(rows, path):
    """Write the probe's rows for a program to read, in the order in which the probe takes them."""
    names = ("input_ids", "labels", "task")
    lines = (
        json.dumps({name: torch.as_tensor(row[name]).tolist() for name in names if name in row})
        for row in (rows[index] for index in range(len(rows)))
    )
    path.write_text("".join(f"{line}\n" for line in lines))


def probe_weights(job, weights, folder):
    """Train as the probe does; return what was trained, by name."""
    settings = job.settings
    num_rows = NUM_STEPS * settings.gradient_accumulation_steps
    network = build_network(job.model, settings, tasks=job.tasks, method=job.key.method, weights=weights)
    arguments = training_arguments(settings, num_steps=NUM_STEPS, output_dir=folder, use_cpu=True)
    train(network, arguments, train_rows=rows_of(job, num_rows), eval_rows=rows_of(job, 1))
    return {name: value.detach() for name, value in network.named_parameters() if value.requires_grad}


def in_order(text):
    """Take the rows in the order of the file, as the probe does."""
    opening = "TRAINING_ARGUMENTS = {"
    changed = text.replace(opening, f'{opening}\n    "train_sampling_strategy": "sequential",')
    assert changed != text
    return changed


def settings_read(dialect, text):
    """Return what a dialect reads, without what belongs to the cell."""
    names = {field.name for field in dataclasses.fields(job_with().settings)}
    return {name: value for name, value in dialect.read(text).items() if name in names}


def given(job):
    """Return the settings that have a meaning in this run."""
    worker_only = ("dataloader_prefetch_factor", "dataloader_persistent_workers")
    needless = () if job.settings.dataloader_num_workers else worker_only
    return {name: value for name, value in job.settings.given().items() if name not in needless}
