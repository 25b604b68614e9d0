"""Settings and `TrainingArguments` keywords, both ways, and the real class takes what is written."""

import dataclasses
import string

from hypothesis import given
from hypothesis import strategies as st
from transformers import TrainingArguments

from recipe_kb.dialects.training_arguments import DEFAULTS, model_attributes, read, write
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Settings

BUILDS_THE_NETWORK = {"attn_implementation", "lora_r", "lora_alpha", "lora_dropout"}
NEEDS_WORKERS = {"dataloader_prefetch_factor", "dataloader_persistent_workers"}

counts = st.integers(1, 4096)
fractions = st.floats(1e-9, 0.999)
settings = st.builds(
    Settings,
    per_device_train_batch_size=counts,
    per_device_eval_batch_size=counts,
    gradient_accumulation_steps=counts,
    learning_rate=fractions,
    lr_scheduler_type=st.sampled_from(["linear", "cosine", "constant_with_warmup"]),
    warmup_ratio=st.floats(0, 0.999),
    num_train_epochs=counts,
    optim=st.text(string.ascii_lowercase + "_8", min_size=1),
    weight_decay=st.floats(0, 1),
    adam_beta1=fractions,
    adam_beta2=fractions,
    adam_epsilon=fractions,
    max_grad_norm=st.floats(0, 10),
    precision=st.sampled_from(["fp32", "fp16", "bf16"]),
    tf32=st.booleans(),
    gradient_checkpointing=st.booleans(),
    attn_implementation=st.sampled_from(["sdpa", "eager", "flash_attention_2"]),
    dataloader_num_workers=st.integers(0, 16),
    dataloader_prefetch_factor=st.none() | counts,
    dataloader_pin_memory=st.booleans(),
    dataloader_persistent_workers=st.booleans(),
    lora_r=st.none() | counts,
    lora_alpha=st.none() | counts,
    lora_dropout=st.none() | fractions,
)


BERT_BASE = Settings(
    per_device_train_batch_size=32,
    per_device_eval_batch_size=64,
    gradient_accumulation_steps=2,
    learning_rate=3e-5,
    lr_scheduler_type="linear",
    warmup_ratio=0.1,
    num_train_epochs=3,
    optim="adamw_torch",
    weight_decay=0.01,
    adam_beta1=0.9,
    adam_beta2=0.999,
    adam_epsilon=1e-8,
    max_grad_norm=1.0,
    precision="fp16",
    tf32=False,
    gradient_checkpointing=False,
    attn_implementation="sdpa",
    dataloader_num_workers=2,
    dataloader_prefetch_factor=2,
    dataloader_pin_memory=True,
    dataloader_persistent_workers=True,
)


def network(family):
    names = dict.fromkeys(field.name for field in dataclasses.fields(Model))
    return Model(**names | {"family": family})  # the only field that matters here


def changed(**values):
    return dataclasses.replace(BERT_BASE, **values)


@given(settings)
def test_what_is_written_is_read_back(settings):
    found = read(write(settings))
    expected = settings.given()
    cannot_be_carried = BUILDS_THE_NETWORK | (NEEDS_WORKERS if settings.dataloader_num_workers == 0 else set())
    assert set(found) == set(expected) - cannot_be_carried
    assert found == {name: expected[name] for name in found}


@given(settings)
def test_every_name_written_is_a_field_of_the_installed_class(settings):
    assert set(write(settings)) <= {field.name for field in dataclasses.fields(TrainingArguments)}


def test_the_installed_class_takes_what_is_written(tmp_path):
    written = write(changed(precision="fp16", gradient_checkpointing=True, warmup_ratio=0.06))
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, **written)  # warnings are errors here
    assert arguments.activation_checkpointing
    assert arguments.fp16
    assert not arguments.bf16
    assert arguments.get_warmup_steps(100) == 6


def test_tf32_and_loader_settings_are_left_out_where_they_would_raise():
    written = write(changed(tf32=False, dataloader_num_workers=0, dataloader_prefetch_factor=4))
    assert "tf32" not in written
    assert not NEEDS_WORKERS & set(written)
    assert write(changed(tf32=True))["tf32"] is True


def test_deprecated_spellings_are_understood():
    found = read({"gradient_checkpointing": True, "warmup_ratio": 0.1, "bf16": True, "save_steps": 10})
    assert found == {"gradient_checkpointing": True, "warmup_ratio": 0.1, "precision": "bf16", "tf32": False}
    assert read({"warmup_steps": 500})["warmup_steps"] == 500


def test_only_encoders_are_told_that_their_loss_is_a_mean():
    assert model_attributes(network("encoder")) == {"accepts_loss_kwargs": False}
    assert model_attributes(network("decoder")) == {}


def test_the_defaults_are_those_of_the_installed_class():
    """Of the class, not of an object, which turns pinned memory off where there is no GPU."""
    fields = {field.name: field.default for field in dataclasses.fields(TrainingArguments) if field.init}
    found = {name: value for name, value in read(fields).items() if value is not None}
    assert not fields["activation_checkpointing"]  # None, for it was renamed
    assert found | {"num_gpus": 1, "gradient_checkpointing": False} == DEFAULTS
