"""What lint predicts of a configuration."""

import random

import pytest

from recipe_kb.lint import example, memory
from recipe_kb.lint.subject import Subject
from recipe_kb.resolve.estimate import estimated_parts
from recipe_kb.resolve.memory import RULE, memory_fits, memory_of

WHOLE = "# gpu=t4 model=biobert max_length=512\nper_device_train_batch_size: 16\nfp16: true\noptim: adamw_torch"


def subject_of(store, text):
    configurations, asked, lines = example.read(text)
    return Subject(configuration=configurations[0], store=store, asked=asked, lines=lines)


def cell_of(store, text):
    return memory.cell_of(subject_of(store, text))


@pytest.mark.parametrize(
    "text",
    [
        WHOLE.replace("gpu=t4 ", ""),
        WHOLE.replace("gpu=t4", "gpu=vram-8gb"),
        WHOLE.replace("model=biobert ", ""),
        WHOLE.replace(" max_length=512", ""),
        WHOLE.replace("max_length=512", "max_length=513"),
        WHOLE.replace("per_device_train_batch_size: 16\n", ""),
        WHOLE.replace("size: 16", "size: 0"),
        WHOLE.replace("size: 16", "size: 9999999"),
        WHOLE.replace("adamw_torch", "muon"),
        WHOLE + "\nattn_implementation: mystery",
        WHOLE + "\ngradient_accumulation_steps: many",
        WHOLE + "\nper_device_eval_batch_size: many",
    ],
)
def test_what_is_not_known_is_not_predicted(store, text):
    assert cell_of(store, WHOLE) is not None
    assert cell_of(store, text) is None


def test_what_is_assumed_is_named(store):
    assert cell_of(store, WHOLE).assumed == ()
    bare = cell_of(store, "# gpu=t4 model=biobert max_length=512\nper_device_train_batch_size: 16")
    assert bare.assumed == ("precision=fp16", "optim=adamw_torch_fused")
    assert bare.settings.precision == "fp16"


def test_adapters_are_seen(store):
    text = "# gpu=t4 model=qwen2.5-0.5b max_length=512\nper_device_train_batch_size: 4\nlora_r: 16"
    assert cell_of(store, text).key.method == "lora"
    assert cell_of(store, text + "\nquantization_bits: 4").key.method == "qlora"


def test_a_prediction_is_that_of_kb_predict(store):
    subject = subject_of(store, WHOLE)
    cell = memory.cell_of(subject)
    expected = memory_of(store, cell.key, cell.settings, None, cell.gpu, cell.model)
    assert memory.predicted(subject, cell).peak_reserved_bytes == expected.peak_reserved_bytes
    assert memory.is_traced(subject, cell)


def test_documented_figures_decide_only_what_a_trace_would(store):
    drawn, seen = random.Random(7), 0  # noqa: S311 - a draw that every run repeats
    while seen < 30:
        text = (
            f"# gpu={drawn.choice(store.gpu_ids())} model={drawn.choice(store.model_ids())} "
            f"max_length={drawn.choice([64, 128, 256, 512, 1024])} method={drawn.choice(['full', 'full', 'lora'])}\n"
            f"per_device_train_batch_size: {drawn.choice([1, 4, 16, 64])}\n"
            f"precision: {drawn.choice(['fp16', 'bf16', 'fp32'])}\n"
            f"gradient_checkpointing: {drawn.choice(['true', 'false'])}\n"
            f"attn_implementation: {drawn.choice(['sdpa', 'eager'])}"
        )
        subject = subject_of(store, text)
        cell = memory.cell_of(subject)
        if cell is None or not memory.is_traced(subject, cell):
            continue
        seen += 1
        constants = store.rule(RULE).constants
        figures = sum(estimated_parts(cell.key, cell.settings, None, cell.model, constants).values())
        traced = memory_of(store, cell.key, cell.settings, None, cell.gpu, cell.model).peak_reserved_bytes
        assert memory.AT_LEAST < traced / figures < memory.AT_MOST, text
        assert memory.fits(subject, cell) == memory_fits(store, cell.key, cell.settings, None, cell.gpu, cell.model), (
            text
        )
