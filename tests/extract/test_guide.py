"""A guide of the shapes that real ones have: every fenced configuration and every table of settings, and no other."""

from pathlib import Path

import pytest

from recipe_kb.extract.read import configurations_in

GUIDE = Path(__file__).parent / "guide_like.md"
TRAIN, EVAL, STEPS = "per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps"
WORKERS, PREFETCH = "dataloader_num_workers", "dataloader_prefetch_factor"
QWEN = "Qwen/Qwen2.5-0.5B"

# Written by reading the guide: lines, label, settings.
EXPECTED = [
    ((8, 10), "Now", {TRAIN: 20, EVAL: 240, STEPS: 1}),
    ((14, 15), "Now", {TRAIN: 20, EVAL: 240}),
    ((19, 20), "Now", {TRAIN: 20}),
    (
        (26, 38),
        "Option A: Small and patient",
        {
            TRAIN: 20,
            EVAL: 40,
            STEPS: 3,
            "optim": "adamw_torch",
            "learning_rate": 1.5e-5,
            "precision": "fp16",
            "fp16_opt_level": "O1",
            "fp16_full_eval": False,
        },
    ),
    ((43, 43), "Now", {TRAIN: 20}),
    ((44, 44), "Option A", {TRAIN: 20, STEPS: 3}),
    ((48, 51), "before", {TRAIN: 72, STEPS: 1}),
    ((48, 51), "after", {TRAIN: 48, STEPS: 3}),
    ((53, 55), "before", {"optim": "adamw_torch"}),
    ((53, 55), "after", {"optim": "adafactor"}),
    ((59, 60), "before", {WORKERS: 5, PREFETCH: 3}),
    ((63, 64), "after", {WORKERS: 3, PREFETCH: 2}),
    ((71, 71), "Smaller", {TRAIN: 28}),
    ((76, 77), "Without bitsandbytes", {"optim": "adamw_torch"}),
    ((84, 84), "BioBERT v1.1 (1)", {"max_length": 384, TRAIN: 28}),
    ((84, 84), "BioBERT v1.1 (2)", {TRAIN: 36}),
    ((90, 90), "Single-task", {TRAIN: 28}),
    ((93, 93), "Multi-task (2 datasets)", {TRAIN: 14}),
    ((98, 101), "Multi-Task (S2)", {TRAIN: 14, "warmup_steps": 250}),
    ((105, 106), "By tasks", {}),
    (
        (112, 117),
        "Command line",
        {"model_name_or_path": QWEN, "max_steps": 900, "num_train_samples": 36000, TRAIN: 8, STEPS: 4},
    ),
    (
        (120, 123),
        "Half (batch_size=4, grad_accum=4)",
        {TRAIN: 4, STEPS: 4, "max_steps": 900, "num_train_samples": 18000},
    ),
    ((127, 130), "Command line", {"model_name_or_path": QWEN, TRAIN: 8, STEPS: 2}),
    ((135, 135), "> 12 GB (1)", {TRAIN: 8, STEPS: 2}),
    ((135, 135), "> 12 GB (2)", {TRAIN: 8, STEPS: 4}),
]


@pytest.fixture
def found(store):
    return configurations_in(GUIDE, "guide_like.md", store).configurations


def test_every_fence_and_table_is_found_and_nothing_else(found):
    told = [(one.lines, one.label, {each.name: each.value for each in one.settings}) for one in found]
    assert sorted(told, key=str) == sorted(EXPECTED, key=str)


def test_the_words_around_say_what_it_is_for(found):
    by_lines = {one.lines: one.context for one in found}
    assert {context.gpu for context in by_lines.values()} == {"t4"}
    assert by_lines[84, 84].model == "biobert"
    assert by_lines[84, 84].max_length == 384
    assert by_lines[90, 90].tasks == 1
    assert by_lines[93, 93].tasks == 2
    assert by_lines[98, 101].tasks is None  # several, and nobody says how many
    assert by_lines[112, 117].model == "qwen2.5-0.5b"
    assert by_lines[112, 117].num_samples == 36000
    assert by_lines[112, 117].lines["num_samples"] == 115


def test_comments_stay_with_their_values(found):
    first, boast = found[0], found[2]
    assert first.get(EVAL).comment == "twelve times as many"
    assert boast.get(TRAIN).comment == "not 88"
    assert boast.get(TRAIN).above == "Pushing to 88 to fill the card"


def test_a_value_that_a_program_computes_is_said(found):
    computed = next(one for one in found if one.lines == (105, 106))
    assert [(one.name, one.text, one.line) for one in computed.not_understood] == [
        ("fp16", "torch.cuda.is_available()", 106)
    ]
    assert "computed" in computed.not_understood[0].why


def test_several_tasks_without_a_number_are_not_the_one_of_the_section_around(store):
    text = "# One task\n\nSingle-task first.\n\n## Multi-task\n\n```yaml\nbatch_size: 8\n```\n"
    (one,) = configurations_in(text, "a.md", store).configurations
    assert one.context.tasks is None
