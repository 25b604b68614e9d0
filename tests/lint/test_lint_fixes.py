"""Fixes that are offered, and those that are not."""

import pytest

from recipe_kb.lint import example
from recipe_kb.lint.finding import Edit, Finding
from recipe_kb.lint.fix import fixed
from recipe_kb.lint.run import lint


def mended(store, text, rule):
    configurations, asked, lines = example.read(text)
    return "\n".join(fixed(lines, lint(configurations, store, lines, asked, [rule]).findings).lines)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("bf16-unsupported", "# gpu=t4\nlearning_rate: 1\nbf16: true", "# gpu=t4\nlearning_rate: 1\nfp16: true"),
        ("tf32-unsupported", "# gpu=t4\ntf32: True  # x", "# gpu=t4\ntf32: False  # x"),
        ("two-precisions", "# gpu=t4\nfp16: true\nbf16: true", "# gpu=t4\nfp16: true\nbf16: false"),
        ("two-precisions", "# gpu=rtx-3090\nfp16: true\nbf16: true", "# gpu=rtx-3090\nfp16: false\nbf16: true"),
        ("length-over-model", "# model=phobert-base\nmax_length: '512'", "# model=phobert-base\nmax_length: '256'"),
        ("gone-argument", "evaluation_strategy: evaluation", "eval_strategy: evaluation"),
        ("gone-argument", "warmup_ratio: 0.1", "warmup_steps: 0.1"),
        ("gone-argument", 'a: 1\nfp16_opt_level: "O1"  # x\nb: 2', "a: 1\nb: 2"),
        ("gone-argument", "python \\\n --fp16_opt_level O1 \\\n --a 2", "python \\\n --a 2"),
        (
            "effective-batch-comment",
            "per_device_train_batch_size: 8\ngradient_accumulation_steps: 8  # effective batch: 32",
            "per_device_train_batch_size: 8\ngradient_accumulation_steps: 8  # effective batch: 64",
        ),
        (
            "comment-after-backslash",
            "python a \\\n --max_steps 8 \\ # x\n --b 2",
            "python a \\\n --max_steps 8 \\\n --b 2",
        ),
    ],
)
def test_what_is_safe_is_mended(store, rule, before, after):
    assert mended(store, before, rule) == after


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("bf16-unsupported", "# gpu=t4 model=gemma-3-1b\nbf16: true"),  # fp16 would overflow
        ("bf16-unsupported", "# gpu=t4\nbf16: true\nfp16: true"),  # would be written twice
        ("two-precisions", "fp16: true\nbf16: true"),  # which one, depends on the card
        ("gone-argument", "python \\\n --a 2 \\\n --fp16_opt_level O1"),  # the backslash above would continue nothing
        ("gone-argument", "warmup_ratio: 0"),  # nothing says that a 0 is a share
        ("gone-argument", "group_by_length: true"),  # replaced by another kind of value
        ("memory-over-card", "# gpu=t4 model=biobert max_length=512\nper_device_train_batch_size: 128\nfp16: true"),
        ("secret", "hub_token: hf_" + "a1B2" * 8),
    ],
)
def test_what_a_person_must_decide_is_left(store, rule, text):
    configurations, asked, lines = example.read(text)
    assert lint(configurations, store, lines, asked, [rule]).findings
    assert mended(store, text, rule) == text


def finding(*edits):
    return Finding(code="KB501", rule="r", severity="error", file="a", line=1, message="m", edits=edits)


def test_edits_of_one_line_do_not_move_each_other():
    one, two = Edit(line=1, start=0, end=1, text="long"), Edit(line=1, start=2, end=3, text="")
    assert fixed(["a b c"], [finding(one, two)]).lines == ["long  c"]
    assert fixed(["a b c"], [finding(two), finding(one)]).lines == ["long  c"]


def test_of_two_that_meet_the_first_wins():
    one, two = Edit(line=1, start=0, end=3, text="x"), Edit(line=1, start=2, end=5, text="y")
    result = fixed(["a b c"], [finding(one), finding(two)])
    assert (result.lines, len(result.done), len(result.left)) == (["x c"], 1, 1)
    assert fixed(["a b c"], [finding(one), finding(one)]).lines == ["x c"]
    gone = fixed(["a", "b"], [finding(Edit(line=1, whole_line=True)), finding(Edit(line=1, start=0, end=1, text="x"))])
    assert (gone.lines, len(gone.left)) == (["b"], 1)
    assert fixed(["a"], [finding(Edit(line=9, start=0, end=1, text="x"))]).lines == ["a"]
