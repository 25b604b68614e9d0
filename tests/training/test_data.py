"""Rows: full length, one rule per task, one task per micro-batch."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.training.data import PATTERN_TOKENS, RESERVED_TOKENS, Plan, TaskRows, collate
from recipe_kb.training.network import NUM_LABELS


def plan(**values):
    return Plan(
        **{
            "family": "encoder",
            "tasks": 3,
            "mixing": "interleaved",
            "vocab_size": 30000,
            "max_length": 32,
            "batch_size": 4,
            "num_micro_batches": 7,
        }
        | values
    )


def micro_batches(rows):
    items = [rows[index] for index in range(len(rows))]
    size = rows.plan.batch_size
    return [collate(items[start : start + size]) for start in range(0, len(items), size)]


@given(tasks=st.integers(1, 9), batch_size=st.integers(1, 5), num_micro_batches=st.integers(1, 20))
def test_interleaved_tasks_take_turns(tasks, batch_size, num_micro_batches):
    rows = TaskRows(plan(tasks=tasks, batch_size=batch_size, num_micro_batches=num_micro_batches, max_length=2))
    batches = micro_batches(rows)
    assert [batch["task"] for batch in batches] == [index % tasks for index in range(num_micro_batches)]
    assert all(batch["input_ids"].shape == (batch_size, 2) for batch in batches)


def test_a_joint_micro_batch_holds_the_batch_of_every_task():
    batch = micro_batches(TaskRows(plan(mixing="joint")))[0]
    assert "task" not in batch
    assert {batch[name].shape for name in ("input_ids", "attention_mask", "labels")} == {(4, 3, 32)}


@pytest.mark.parametrize("family", ["encoder", "decoder"])
def test_rows_are_full_seeded_and_free_of_special_tokens(family):
    rows, again = TaskRows(plan(family=family)), TaskRows(plan(family=family))
    for index in range(len(rows)):
        assert rows[index]["attention_mask"].all()
        assert torch.equal(rows[index]["input_ids"], again[index]["input_ids"])
        assert rows[index]["input_ids"].min() >= RESERVED_TOKENS
    other = TaskRows(plan(family=family, seed=1))
    assert not torch.equal(rows[0]["input_ids"], other[0]["input_ids"])


def test_a_token_has_one_label_in_a_task_and_most_are_outside():
    batch = micro_batches(TaskRows(plan(max_length=512, batch_size=16)))[0]
    tokens, labels = batch["input_ids"].flatten().tolist(), batch["labels"].flatten().tolist()
    assert len(set(zip(tokens, labels, strict=True))) == len(set(tokens))
    assert set(labels) == set(range(NUM_LABELS))
    assert 0.6 < labels.count(0) / len(labels) < 0.8


def test_tasks_differ():
    first, second = micro_batches(TaskRows(plan()))[:2]
    assert not set(first["input_ids"].flatten().tolist()) <= set(second["input_ids"].flatten().tolist())


def test_a_causal_language_model_repeats_a_pattern():
    batch = micro_batches(TaskRows(plan(family="decoder")))[0]
    assert torch.equal(batch["input_ids"], batch["labels"])
    assert torch.equal(batch["input_ids"][:, PATTERN_TOKENS:], batch["input_ids"][:, :-PATTERN_TOKENS])


def test_a_small_vocabulary_is_never_left():
    assert TaskRows(plan(vocab_size=20))[0]["input_ids"].max() < 20


def test_rows_of_two_tasks_do_not_meet():
    rows = TaskRows(plan())
    with pytest.raises(ValueError, match=r"tasks \[0, 1\]"):
        collate([rows[3], rows[4]])
