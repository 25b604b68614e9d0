"""The watch over a training: two clocks, and an end that is not the schedule's."""

import pytest
import torch

from recipe_kb.training import watch
from recipe_kb.training.clock import CudaClock, HostClock, clock_of
from recipe_kb.training.data import Plan, TaskRows
from recipe_kb.training.loop import train, training_arguments
from recipe_kb.training.network import build_network
from tiny import BERT, model_of, settings_with

NUM_STEPS = 8


class FakeEvent:
    """A CUDA event as far as the clock uses it: no time is known before it was recorded and has passed."""

    now_ms = 0.0

    def __init__(self):
        self.at_ms = None
        self.passed = False

    def record(self):
        FakeEvent.now_ms += 250.0
        self.at_ms = FakeEvent.now_ms

    def synchronize(self):
        assert self.at_ms is not None
        self.passed = True

    def elapsed_time(self, end):
        assert end.passed
        return end.at_ms - self.at_ms


def run(tmp_path, *, rows_for=64, on_step=lambda _step: None, **options):
    settings = settings_with(learning_rate=2e-3)
    rows = Plan(
        family="encoder",
        tasks=1,
        mixing="interleaved",
        vocab_size=2000,
        max_length=16,
        batch_size=settings.per_device_train_batch_size,
        num_micro_batches=rows_for,
    )
    network = build_network(model_of(BERT), settings, tasks=1)
    arguments = training_arguments(settings, num_steps=NUM_STEPS, output_dir=tmp_path, use_cpu=True)
    steps = train(network, arguments, train_rows=TaskRows(rows), eval_rows=TaskRows(rows), on_step=on_step, **options)
    return network, steps


def test_events_are_read_in_seconds():
    clock = CudaClock(FakeEvent)
    clock.mark()
    clock.mark()
    assert clock.elapsed_s() == 0.25
    clock.mark()
    clock.mark()
    assert clock.elapsed_s() == 0.25


def test_each_device_has_its_clock():
    assert isinstance(clock_of("cpu"), HostClock)
    assert isinstance(clock_of("cuda"), CudaClock)
    assert (clock_of("cpu").name, clock_of("cuda").name) == ("host", "cuda-events")


def test_the_host_clock_times_the_stretch_between_marks(monkeypatch):
    ticks = iter([10.0, 10.5, 12.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    clock = HostClock()
    clock.mark()
    clock.mark()
    assert clock.elapsed_s() == 0.5
    clock.mark()
    assert clock.elapsed_s() == 1.5


def test_steps_are_timed_by_events_without_waiting_for_the_device(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "clock_of", lambda device: CudaClock(FakeEvent))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: pytest.fail("a wait for the device is in the time"))
    _, steps = run(tmp_path)
    assert [step.time_s for step in steps] == [0.25] * NUM_STEPS


def test_the_clock_is_that_of_the_device(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(watch, "clock_of", lambda device: asked.append(device) or HostClock())
    run(tmp_path)
    assert asked == ["cpu"]


def test_it_goes_on_past_its_schedule_until_that_is_enough(tmp_path):
    _, steps = run(tmp_path, max_steps=40, is_enough=lambda steps: len(steps) == 21)
    assert len(steps) == 21


def test_it_goes_on_to_the_limit_when_nothing_is_enough(tmp_path):
    assert len(run(tmp_path, max_steps=40, is_enough=lambda _steps: False)[1]) == 40


def test_it_ends_with_its_schedule_when_nothing_is_said(tmp_path):
    assert len(run(tmp_path)[1]) == NUM_STEPS


@pytest.mark.slow
def test_a_longer_run_learns_as_the_short_one_does_and_then_rests(tmp_path):
    """The schedule ends where that of the short run does: same losses until there, no learning after it."""
    weights, short = run(tmp_path)
    rested, long = run(tmp_path, max_steps=20, is_enough=lambda _steps: False)
    assert [step.loss for step in long[:NUM_STEPS]] == [step.loss for step in short]
    assert all(torch.equal(a, b) for a, b in zip(weights.parameters(), rested.parameters(), strict=True))
    assert sum(step.loss for step in long[-4:]) < sum(step.loss for step in long[:4])
