"""Export, then extract: what `kb extract` finds in an export is the recipe."""

import pytest

from recipe_kb.dialects.job import Job
from recipe_kb.dialects.registry import DIALECTS, dialect
from recipe_kb.dialects.training_arguments import DEFAULTS
from recipe_kb.extract.read import configurations_in
from recipe_kb.resolve.answer import answer_key, ask

DERIVED = [
    {"gpu": "l4", "model": "xlm-roberta-base", "tasks": 3},
    {"gpu": "rtx-4090", "model": "qwen3-4b", "tasks": 1, "method": "qlora"},
    {"gpu": "t4", "model": "roberta-large", "tasks": 2, "method": "lora"},
    {"gpu": "h100-80gb", "model": "llama-3.1-8b", "tasks": 1, "method": "lora", "goal": "speed"},
    {"gpu": "a100-40gb", "model": "llama-3.1-8b", "tasks": 1, "num_gpus": 8},
    {"gpu": "t4", "model": "biobert", "tasks": 8, "num_gpus": 2},
]
CELL = ("method", "num_gpus", "parallel", "tasks")
"""Not settings; a file may leave them to be seen from other things, as from an adapter's being there."""

NESTED = {"args", "shell", "llamafactory"}
"""Formats of which FSDP's own `activation_checkpointing` is not extracted: inside JSON, or beside a switch."""


@pytest.fixture(scope="module")
def jobs(store):
    answers = [answer_key(store, key) for key in store.recipe_keys()] + [ask(store, **cell) for cell in DERIVED]
    assert len(answers) > 30
    return [Job.of(answer) for answer in answers]


@pytest.mark.parametrize("form", DIALECTS)
def test_what_is_exported_is_extracted(form, jobs, store):
    found, written = dialect(form), 0
    for job in jobs:
        if found.why_not(job):
            continue
        text = found.write(job)
        extracted = configurations_in(text, f"export{found.suffix}", store)
        assert not extracted.warnings
        by_size = sorted(extracted.configurations, key=lambda one: len(one.settings))
        settings = {one.name: one.value for configuration in by_size for one in configuration.settings}
        expected = {name: value for name, value in found.read(text).items() if name not in CELL}
        assert expected
        if form in NESTED and job.is_sharded:
            del expected["gradient_checkpointing"]
        for name, value in expected.items():
            assert settings.get(name, DEFAULTS.get(name)) == value, (job.recipe_id, name)
        if form in {"shell", "accelerate", "lightning"}:
            assert settings.get("num_gpus", 1) == job.num_gpus
        written += 1
    assert written >= 5
