"""What we export is right in somebody else's script: stock `Trainer`, stock parser, only what the export says.

One step of plain SGD on the same eight rows, so that the change of the weights is the gradient.
"""

import pytest
import torch
import yaml
from jobs import given, job_with, settings_read
from transformers import AutoConfig, AutoModelForTokenClassification, HfArgumentParser, Trainer, TrainingArguments

from recipe_kb.dialects import args, training_arguments, yaml_config
from tiny import BERT, NO_DROPOUT

NUM_ROWS = 8
SPLITS = [(8, 1), (4, 2), (2, 4), (1, 8)]
RUN = {
    "max_steps": 1,
    "save_strategy": "no",
    "logging_strategy": "no",
    "train_sampling_strategy": "sequential",
    "use_cpu": True,
    "disable_tqdm": True,
    "report_to": "none",
}


def job_of(batch_size, accumulation):
    return job_with(
        per_device_train_batch_size=batch_size,
        gradient_accumulation_steps=accumulation,
        optim="sgd",
        learning_rate=0.1,
        lr_scheduler_type="constant",
        warmup_ratio=0.0,
        max_grad_norm=0.0,
    )


def from_yaml(job):
    document = yaml.safe_load(yaml_config.write(job))
    return document["training_arguments"], document["model"]["attributes"]


def from_flags(job):
    """Flags, and the attribute that the command prints beside them (tests/e2e/test_answers.py)."""
    words = args.write(job).split()
    (parsed,) = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses([*words, "--output_dir", "unused"])
    names = training_arguments.write(job.settings)
    return {name: getattr(parsed, name) for name in names}, training_arguments.model_attributes(job.model)


EXPORTS = {"yaml": from_yaml, "args": from_flags}


def rows():
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 2000, (NUM_ROWS, 16), generator=generator)
    return [{"input_ids": row, "attention_mask": torch.ones_like(row), "labels": row % 5} for row in ids]


def update(arguments, attributes, folder):
    torch.manual_seed(0)
    config = AutoConfig.for_model(**BERT, **NO_DROPOUT, num_labels=5)
    network = AutoModelForTokenClassification.from_config(config)
    for name, value in attributes.items():
        setattr(network, name, value)
    before = torch.cat([weight.detach().clone().flatten() for weight in network.parameters()])
    arguments = TrainingArguments(output_dir=str(folder), **RUN, **arguments)
    Trainer(model=network, args=arguments, train_dataset=rows()).train()
    return torch.cat([weight.detach().flatten() for weight in network.parameters()]) - before


@pytest.mark.parametrize("form", EXPORTS)
def test_accumulation_averages_in_every_export(form, tmp_path):
    updates = [update(*EXPORTS[form](job_of(*split)), tmp_path) for split in SPLITS]
    for found in updates[1:]:
        assert (found.norm() / updates[0].norm()).item() == pytest.approx(1, abs=1e-3)
        assert torch.cosine_similarity(found, updates[0], dim=0).item() == pytest.approx(1, abs=1e-4)


def test_without_the_exported_attribute_it_adds_up(tmp_path):
    """The control: these tests can fail."""
    arguments, attributes = from_yaml(job_of(8, 1))
    expected = update(arguments, attributes, tmp_path).norm()
    for batch_size, accumulation in SPLITS[1:]:
        arguments, _ = from_yaml(job_of(batch_size, accumulation))
        found = update(arguments, {}, tmp_path).norm()
        assert (found / expected).item() == pytest.approx(accumulation, rel=1e-2)


@pytest.mark.parametrize("split", SPLITS)
def test_the_yaml_export_reads_back(split):
    job = job_of(*split)
    assert settings_read(yaml_config, yaml_config.write(job)) == given(job)


def test_flags_read_back_as_numbers():
    job = job_of(4, 2)
    carried = {name: value for name, value in given(job).items() if name != "attn_implementation"}
    assert settings_read(args, args.write(job)) == carried
