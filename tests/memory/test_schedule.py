"""The parts of one step, put together, are the loop run whole: same allocations, same frees, same order."""

from dataclasses import replace

import pytest
import torch
from tiny_jobs import GPU, LORA, TwoLayers, bare_job, live, rows_of_eight, signed_sizes, tiny_job
from whole_loop import record

import tiny
from recipe_kb.memory.schedule import Plan, schedule
from recipe_kb.tracing.trace import trace

BERT = tiny.BERT | {"num_hidden_layers": 1}
QWEN2 = tiny.QWEN2 | {"num_hidden_layers": 1}
JOBS = {
    "bert": (BERT, {}),
    "bert-eager": (BERT, {"attn_implementation": "eager"}),
    "bert-fp16": (BERT, {"precision": "fp16"}),
    "bert-checkpointed": (BERT, {"precision": "fp16", "gradient_checkpointing": True}),
    "bert-joint": (BERT, {"tasks": 2, "mixing": "joint"}),
    "bert-heads": (BERT, {"tasks": 2, "mixing": "interleaved"}),
    "bert-lora": (BERT, {"method": "lora", "precision": "fp16", **LORA}),
    "bert-8bit": (BERT, {"optim": "adamw_bnb_8bit"}),
    "bert-adafactor": (BERT, {"optim": "adafactor"}),
    "bert-fused": (BERT, {"optim": "adamw_torch_fused"}),
    "qwen2-flash": (QWEN2, {"precision": "bf16", "sdpa": "flash", "padded": False}),
    "qwen2-tied": (QWEN2 | {"tie_word_embeddings": True}, {"precision": "bf16"}),
    "qwen2-unclipped": (QWEN2, {"max_grad_norm": 0.0}),
}


def composed(job, shapes, accumulation, steps):
    traced = [trace(job, rows=rows, length=length, evaluation_rows=0) for rows, length in shapes]
    run = schedule(traced, Plan(loop=job.loop, accumulation=accumulation, steps=steps), GPU)
    return signed_sizes(run.events, run.num_bytes)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated")  # peft asks for it
@pytest.mark.parametrize(("loop", "accumulation"), [("trainer", 2), ("bare", 1), ("bare", 3)])
@pytest.mark.parametrize("name", JOBS)
def test_the_parts_composed_equal_the_run_traced_whole(name, loop, accumulation):
    config, values = JOBS[name]
    job = replace(tiny_job(config, **values), loop=loop)
    whole = record(job, [(2, 16)], accumulation=accumulation, steps=3, every_head=name == "bert-heads")
    assert composed(job, [(2, 16)], accumulation, 3) == whole
    assert len(whole) > 500


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("loop", ["trainer", "bare"])
def test_micro_batches_of_different_lengths(loop, accumulation):
    job = replace(tiny_job(BERT), loop=loop)
    shapes = [(2, 16), (2, 32), (2, 24)]
    assert composed(job, shapes, accumulation, 4) == record(job, shapes, accumulation=accumulation, steps=4)


def test_steps_that_allocate_differently_are_refused():
    padded, aligned = (trace(tiny_job(BERT), rows=2, length=length, evaluation_rows=0) for length in (17, 16))
    with pytest.raises(ValueError, match="same storages"):
        schedule([padded, aligned], Plan(loop="trainer"), GPU)


def test_every_block_is_freed_once_and_only_after_it_was_allocated():
    step = trace(tiny_job(BERT), rows=2, length=16, evaluation_rows=2)
    run = schedule([step], Plan(loop="trainer", accumulation=3, evaluation_batches=2, keeps_logits=True), GPU)
    live = set()
    for event in run.events:
        if event >= 0:
            assert event not in live
            live.add(event)
        else:
            live.remove(~event)
    assert {run.categories[block] for block in live} == {"weights", "optimizer", "workspace", "inputs"}


def test_more_micro_batches_leave_nothing_behind():
    step = trace(tiny_job(BERT), rows=2, length=16, evaluation_rows=0)

    def left(accumulation):
        run = schedule([step], Plan(loop="trainer", accumulation=accumulation), GPU)
        kept = set(range(len(run.num_bytes))) - {~event for event in run.events if event < 0}
        return sum(run.num_bytes[block] for block in kept if run.categories[block] != "inputs")

    assert left(1) == left(8) > 0


def test_optimizer_state_comes_with_the_first_update_and_stays():
    job = bare_job(TwoLayers, rows_of_eight, optimizer=lambda network: torch.optim.AdamW(network.parameters()))
    run = schedule([trace(job, rows=32, length=1, evaluation_rows=0)], Plan(loop="trainer", steps=4), GPU)
    kept = set(range(len(run.num_bytes))) - {~event for event in run.events if event < 0}
    state = sum(run.num_bytes[block] for block in kept if run.categories[block] == "optimizer")
    assert state == 2 * 4 * (8 * 16 + 16 + 16 * 4 + 4)  # two moments of float32


def test_an_evaluation_without_training_takes_one_workspace():
    job = bare_job(TwoLayers, rows_of_eight)
    step = trace(job, rows=2, length=1, evaluation_rows=32)
    run = schedule([step], Plan(loop="trainer", steps=0, evaluation_batches=3), GPU)
    assert [run.num_bytes[block] for block in live(run.events) if run.categories[block] == "workspace"] == [8_519_680]
    weights = 4 * (8 * 16 + 16 + 16 * 4 + 4)
    batch, hidden = 4 * 32 * 8, 4 * 32 * 16
    # The first layer's output and its relu; of them the second layer needs only one, and its own is smaller.
    assert live_at_peak(run.events, run.num_bytes) == weights + batch + 8_519_680 + 2 * hidden


def test_an_evaluation_between_two_steps_finds_the_workspaces_of_training():
    step = trace(bare_job(TwoLayers, rows_of_eight), rows=2, length=1, evaluation_rows=2)
    run = schedule([step], Plan(loop="trainer", evaluation_batches=2), GPU)
    assert run.num_bytes.count(8_519_680) == 2  # forward and backward pass are two threads


def live_at_peak(events, sizes):
    now = highest = 0
    for size in signed_sizes(events, sizes):
        now += size
        highest = max(highest, now)
    return highest


def test_an_evaluation_that_keeps_logits_holds_them_twice_while_it_appends():
    rows, length, vocabulary = 8, 16, 5000
    config = QWEN2 | {"vocab_size": vocabulary, "hidden_size": 32}
    job = replace(tiny_job(config), logit_width=vocabulary)
    step = trace(job, rows=1, length=length, evaluation_rows=rows)

    def peak(batches, *, keeps):
        run = schedule([step], Plan(loop="trainer", evaluation_batches=batches, keeps_logits=keeps), GPU)
        return live_at_peak(run.events, run.num_bytes)

    logits, labels = 4 * rows * length * vocabulary, 8 * rows * length
    assert peak(1, keeps=True) == peak(9, keeps=False) == peak(1, keeps=False)
    # Batch n finds n - 1 of the old, and makes one new and n of both; labels are appended after logits.
    assert [peak(n + 1, keeps=True) - peak(n, keeps=True) for n in (3, 6)] == [2 * logits + labels] * 2
