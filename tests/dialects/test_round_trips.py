"""What a dialect writes it reads back, for every recipe of the knowledge base and for derived ones."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given as drawn
from hypothesis import settings as limits
from hypothesis import strategies as st
from jobs import LAYERS, given, job_with, settings_read

from recipe_kb import dialects
from recipe_kb.dialects.job import Job
from recipe_kb.dialects.registry import DIALECTS, dialect
from recipe_kb.resolve.answer import answer_key, ask

SHARED = {
    "__init__",
    "job",
    "loading",
    "launch",
    "notebook_launch",
    "program",
    "registry",
    "training_arguments",
    "yaml_text",
}
"""Modules of the folder that are no format."""
NOT_CARRIED = {
    "args": {"attn_implementation", "lora_r", "lora_alpha", "lora_dropout"},
    "axolotl": {"dataloader_persistent_workers"},
}
"""Settings that a format has no place for; it says so in `remarks`. accelerate: all but the precision."""
DERIVED = [
    {"gpu": "l4", "model": "phobert-base", "tasks": 4},
    {"gpu": "rtx-4090", "model": "qwen3-4b", "tasks": 1, "method": "qlora"},
    {"gpu": "t4", "model": "roberta-large", "tasks": 2, "method": "lora"},
    {"gpu": "t4", "model": "gpt2", "tasks": 1, "max_length": 256},
    {"gpu": "h100-80gb", "model": "llama-3.1-8b", "tasks": 1, "method": "lora", "goal": "speed"},
    {"gpu": "vram-12gb", "model": "deberta-v3-base", "tasks": 64, "num_gpus": 2},
    {"gpu": "a100-80gb", "model": "llama-3.1-8b", "tasks": 1, "num_gpus": 8},
]


@pytest.fixture(scope="module")
def jobs(store):
    answers = [answer_key(store, key) for key in store.recipe_keys()]
    assert len(answers) > 30
    for question in DERIVED:
        answers.append(ask(store, **question))
        assert answers[-1].recipe.origin == "derived"
    return [Job.of(answer) for answer in answers]


def expected(form, job):
    if form == "accelerate":
        return {"precision": job.settings.precision}
    return {name: value for name, value in given(job).items() if name not in NOT_CARRIED.get(form, ())}


def cell_of(job):
    return {"max_length": job.key.max_length, "tasks": job.tasks, "method": job.key.method, "num_gpus": job.num_gpus}


def test_the_registry_is_the_folder():
    files = {path.stem for path in Path(dialects.__file__).parent.glob("*.py")}
    assert set(DIALECTS.values()) == files - SHARED
    assert len(set(DIALECTS.values())) == len(DIALECTS)


@pytest.mark.parametrize("form", DIALECTS)
def test_every_recipe_comes_back(form, jobs):
    found = dialect(form)
    written = 0
    for job in jobs:
        if found.why_not(job):
            continue
        written += 1
        text = found.write(job)
        assert settings_read(found, text) == expected(form, job), job.recipe_id
        read = found.read(text)
        cell = {name: value for name, value in cell_of(job).items() if name in read}
        assert {name: read[name] for name in cell} == cell
    assert written >= 5


@pytest.mark.parametrize("form", DIALECTS)
@pytest.mark.parametrize("family", ["encoder", "decoder"])
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
@pytest.mark.parametrize("checkpointing", [True, False])
def test_several_gpus_and_how_they_share_the_work_come_back(form, family, parallel, checkpointing):
    job = job_with(family, 1, num_gpus=4, parallel=parallel, gradient_checkpointing=checkpointing, precision="bf16")
    found = dialect(form)
    if found.why_not(job):
        assert family == "encoder"
        return
    text = found.write(job)
    read = found.read(text)
    assert settings_read(found, text) == expected(form, job)
    if form == "args":
        assert read.get("parallel") == ("fsdp" if parallel == "fsdp" else None)
        assert any("torchrun --nproc_per_node 4 train.py" in remark for remark in found.remarks(job))
        return
    assert (read["num_gpus"], read["parallel"]) == (4, parallel)
    assert (LAYERS[family] in text + " ".join(found.remarks(job))) == (parallel == "fsdp")


def test_lightning_has_no_gradient_scaler_for_shards():
    found = dialect("lightning")
    assert "fp16" in found.why_not(job_with(num_gpus=2, parallel="fsdp", precision="fp16"))
    assert found.why_not(job_with(num_gpus=2, parallel="ddp", precision="fp16")) is None


@pytest.mark.parametrize("form", DIALECTS)
def test_what_is_not_carried_is_said(form, jobs):
    job = next(job for job in jobs if job.key.method == "lora" and not job.is_encoder)
    silent = expected(form, job).keys() == given(job).keys()
    assert silent or dialect(form).remarks(job)


@pytest.mark.parametrize("form", [form for form in DIALECTS if form not in {"axolotl", "llamafactory"}])
@limits(max_examples=40, deadline=None)
@drawn(data=st.data())
def test_any_settings_come_back(form, data):
    values = {
        "per_device_train_batch_size": data.draw(st.integers(1, 512)),
        "gradient_accumulation_steps": data.draw(st.integers(1, 64)),
        "learning_rate": data.draw(st.floats(1e-9, 0.9)),
        "warmup_ratio": data.draw(st.floats(0, 0.99)),
        "adam_epsilon": data.draw(st.floats(1e-12, 0.1)),
        "precision": data.draw(st.sampled_from(["fp32", "fp16", "bf16"])),
        "tf32": data.draw(st.booleans()),
        "gradient_checkpointing": data.draw(st.booleans()),
        "optim": data.draw(st.sampled_from(["adamw_torch", "adamw_bnb_8bit", "sgd"])),
        "attn_implementation": data.draw(st.sampled_from(["sdpa", "eager", "flash_attention_2"])),
        "dataloader_num_workers": data.draw(st.integers(0, 8)),
        "dataloader_prefetch_factor": data.draw(st.integers(1, 8)),
    }
    method = data.draw(st.sampled_from(["full", "lora", "qlora"]))
    job = job_with(data.draw(st.sampled_from(["encoder", "decoder"])), 1, method, **values)
    found = dialect(form)
    assert settings_read(found, found.write(job)) == expected(form, job)


def test_the_ladder_of_a_notebook_is_predicted_from_its_recipe(store):
    from recipe_kb.dialects.job import job_of

    answer = ask(store, gpu="t4", model="biobert", tasks=8)
    rungs = job_of(store, answer).rungs
    assert rungs[0].changes == {}
    assert rungs[1].changes == {"per_device_train_batch_size": 16, "gradient_accumulation_steps": 2}
    assert answer.memory.peak_reserved_bytes < rungs[0].needs_bytes <= answer.gpu.memory.limit_bytes
    assert rungs[1].needs_bytes < rungs[0].needs_bytes
    assert all(later.changes.keys() >= earlier.changes.keys() for earlier, later in itertools.pairwise(rungs))
    assert len(rungs) == 1 + len(answer.recipe.ladder.out_of_memory)


def test_encoders_are_refused_by_trainers_of_language_models(jobs):
    encoder = next(job for job in jobs if job.is_encoder)
    assert "encoder" in dialect("axolotl").why_not(encoder)
    assert "encoder" in dialect("llamafactory").why_not(encoder)
    fp16 = job_with("decoder", precision="fp16")
    assert "fp16" in dialect("axolotl").why_not(fp16)
    assert dialect("axolotl").why_not(job_with("decoder", precision="bf16")) is None
    assert "float32 copy" in " ".join(dialect("axolotl").remarks(job_with("decoder", precision="bf16")))
    flex = job_with("decoder", attn_implementation="flex_attention")
    assert "flex_attention" in dialect("llamafactory").why_not(flex)
