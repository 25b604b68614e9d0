"""A prediction from a step: what it says must hold together."""

from dataclasses import replace

import pytest
from tiny_jobs import GPU, tiny_job

from recipe_kb.memory.gpu import Context
from recipe_kb.memory.predict import MARGIN, Question, largest_batch, peak_of, predict, run_of
from recipe_kb.memory.replay import replay
from recipe_kb.memory.schedule import Plan
from recipe_kb.memory.shape import ShapedStep, constant, shaped
from recipe_kb.tracing.trace import trace, trace_update
from recipe_kb.units import GIB, MIB
from tiny import BERT

NO_CONTEXT = Context(low_bytes=0, high_bytes=0, measured=True, sources=())


@pytest.fixture(scope="module")
def step() -> ShapedStep:
    job = tiny_job(BERT, precision="fp16")
    points = ((2, 64), (3, 64), (2, 32))
    return shaped(
        {(rows, length): trace(job, rows=rows, length=length, evaluation_rows=rows) for rows, length in points}
    )


@pytest.fixture
def question(step: ShapedStep) -> Question:
    return Question(
        step=step, rows=16, length=64, plan=Plan(loop="trainer"), device=GPU, context=NO_CONTEXT, total_bytes=16 * GIB
    )


def test_the_parts_sum_to_what_the_device_holds(question: Question) -> None:
    context = Context(low_bytes=90 * MIB, high_bytes=150 * MIB, measured=True, sources=())
    said = predict(replace(question, context=context))
    assert sum(said.breakdown.values()) == said.device_used_bytes == said.peak_reserved_bytes + 150 * MIB
    assert said.breakdown["context"] == 150 * MIB
    assert said.peak_allocated_bytes <= said.peak_reserved_bytes
    assert said.limit_bytes == 16 * GIB - 150 * MIB


def test_the_interval_holds_the_peak(question: Question) -> None:
    said = predict(question)
    assert said.interval[0] < said.peak_reserved_bytes < said.interval[1]


def test_another_version_widens_the_interval(question: Question) -> None:
    same, other = predict(question), predict(replace(question, version_error=0.05))
    assert other.interval[0] < same.interval[0]
    assert other.interval[1] > same.interval[1]
    assert other.peak_reserved_bytes == same.peak_reserved_bytes


def test_the_largest_batch_fits_and_the_next_does_not(question: Question) -> None:
    small = replace(question, total_bytes=200 * MIB)
    rows = largest_batch(small)
    assert rows > 1
    for batch, fits in ((rows, True), (rows + 1, False)):
        peak, _ = peak_of(replace(small, rows=batch))
        assert (peak.reserved_bytes * (1 + MARGIN) <= small.limit_bytes) is fits


def test_nothing_fits_on_a_card_smaller_than_the_weights(question: Question) -> None:
    said = predict(replace(question, total_bytes=MIB))
    assert said.largest_batch == 0
    assert not said.fits
    assert said.peak_reserved_bytes > MIB  # what it would take on a larger card


def test_more_than_two_micro_batches_change_only_the_batches_that_wait(question: Question) -> None:
    two, eight = (predict(replace(question, plan=Plan(loop="trainer", accumulation=count))) for count in (2, 8))
    assert eight.peak_reserved_bytes == two.peak_reserved_bytes
    assert eight.flops == 4 * two.flops


def test_shorter_micro_batches_in_between_are_tried(question: Question) -> None:
    drawn = replace(question, draws=[[16, 64, 32, 64], [64, 48, 64, 16]])
    low, high = predict(drawn).interval
    for lengths in drawn.draws:
        assert low <= replay(run_of(drawn, drawn.rows, lengths)).reserved_bytes <= high


def test_heads_of_other_tasks_hold_weights_gradients_and_two_states(question: Question) -> None:
    head = (9 * 64 * 4, 9 * 4)
    alone, with_heads = (predict(replace(question, other_heads=heads)) for heads in ((), head * 63))
    rounded = sum(-(-size // 512) * 512 for size in head * 63)
    for part, times in (("weights", 1), ("optimizer", 2)):
        assert with_heads.breakdown[part] - alone.breakdown[part] == times * rounded


def test_another_optimizer_replaces_the_steps_own(question: Question) -> None:
    job = tiny_job(BERT, precision="fp16", optim="sgd")
    update = trace_update(job).only("first_update", "update")
    with_sgd = predict(replace(question, update=update))
    whole = trace(job, rows=16, length=64, evaluation_rows=0)
    direct = predict(replace(question, step=constant(whole)))
    assert "optimizer" not in with_sgd.breakdown
    assert with_sgd.breakdown == direct.breakdown


def test_an_evaluation_of_a_large_batch_can_be_the_peak(question: Question) -> None:
    plan = Plan(loop="trainer", evaluation_batches=2)
    training = predict(question)
    small, large = (predict(replace(question, plan=plan, evaluation_rows=rows)) for rows in (1, 2000))
    assert small.peak_allocated_bytes == training.peak_allocated_bytes
    assert large.peak_allocated_bytes > training.peak_allocated_bytes


def test_only_kept_logits_grow_with_the_batches(question: Question) -> None:
    def peak(batches: int, *, keeps: bool) -> int:
        plan = Plan(loop="trainer", evaluation_batches=batches, keeps_logits=keeps)
        return predict(replace(question, plan=plan, evaluation_rows=2048)).peak_allocated_bytes

    assert peak(9, keeps=False) == peak(5, keeps=False)
    assert peak(9, keeps=True) >= peak(5, keeps=True) + 4 * 2048 * 64 * 9 * 4
