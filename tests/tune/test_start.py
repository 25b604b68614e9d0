"""What a shape changes in a recipe, and what is predicted of it."""

from dataclasses import replace

import pytest

from recipe_kb.resolve.answer import ask
from recipe_kb.resolve.memory import memory_of
from recipe_kb.resolve.rules import sqrt_adam
from recipe_kb.tune.candidates import Shape
from recipe_kb.tune.start import Start, untuned_answer


@pytest.fixture
def begin(store):
    def make(gpu="t4", model="biobert", tasks=1, *, grows=False, effective=None, **options):
        answer = ask(store, gpu=gpu, model=model, tasks=tasks, goal="speed")
        effective = effective or answer.recipe.effective_batch_size
        return Start(store=store, answer=answer, effective=effective, grows=grows, **options)

    return make


@pytest.mark.parametrize(("gpu", "grows"), [("t4", False), ("t4", True), ("rtx-3070", True), ("h200", True)])
def test_the_predicted_shape_leaves_the_margin_and_the_next_does_not(begin, gpu, grows):
    start = begin(gpu, grows=grows)
    usable = start.answer.memory.usable_bytes
    assert start.forecast(start.predicted).reserved_bytes <= usable
    position = start.choices.index(start.predicted)
    if position + 1 < len(start.choices):
        assert start.forecast(start.choices[position + 1]).reserved_bytes > usable


def test_a_forecast_is_the_prediction_of_the_settings_that_will_run(begin, store):
    start = begin(grows=True)
    shape = Shape(batch=24, accumulation=2)
    tried = start.tried(shape)
    memory = memory_of(store, tried.key, tried.recipe.settings, None, tried.gpu, tried.model)
    assert start.forecast(shape).reserved_bytes == memory.peak_reserved_bytes == tried.memory.peak_reserved_bytes
    assert tried.recipe.settings.per_device_eval_batch_size == 48
    assert (tried.recipe.origin, tried.recipe.effective_batch_size) == ("tuned", 48)


def test_the_learning_rate_stays_with_the_effective_batch_and_follows_it_by_the_rule(begin):
    start = begin(grows=True)
    before, effective = start.answer.recipe.settings.learning_rate, start.answer.recipe.effective_batch_size
    same, double = Shape(batch=effective // 2, accumulation=2), Shape(batch=2 * effective, accumulation=1)
    assert start.settings(same).learning_rate == before
    assert "learning_rate" not in dict.fromkeys(
        name for name, source in start.tried(same).recipe.provenance.items() if source.rule == "sqrt-adam"
    )
    scaled = start.tried(double).recipe
    assert scaled.settings.learning_rate == pytest.approx(sqrt_adam(before, 1, 2), rel=0.02)
    assert scaled.provenance["learning_rate"].rule == "sqrt-adam"


def test_sgd_follows_its_own_rule(begin):
    start = begin(grows=True)
    recipe = start.answer.recipe
    sgd = replace(recipe, settings=replace(recipe.settings, optim="sgd"))
    start = replace(start, answer=replace(start.answer, recipe=sgd))
    shape = Shape(batch=2 * recipe.effective_batch_size, accumulation=1)
    assert start.settings(shape).learning_rate == pytest.approx(2 * recipe.settings.learning_rate, rel=0.02)
    assert start.tried(shape).recipe.provenance["learning_rate"].rule == "linear-sgd"


def test_another_effective_batch_is_the_one_that_is_kept(begin):
    start = begin(effective=24)
    assert {shape.effective_batch_size for shape in start.choices} == {24}
    assert start.tried(start.predicted).recipe.effective_batch_size == 24


def test_what_others_hold_is_not_counted_on(begin):
    alone, beside = begin(grows=True), begin(grows=True, used_bytes=4 * 2**30)
    assert beside.predicted.batch < alone.predicted.batch
    assert beside.forecast(beside.predicted).reserved_bytes <= alone.room.usable_bytes - 4 * 2**30


def test_a_precision_that_was_asked_for(begin):
    start = begin(precision="fp32")
    assert start.settings(start.choices[0]).precision == "fp32"
    assert start.forecast(start.choices[-1]).reserved_bytes > begin().forecast(start.choices[-1]).reserved_bytes


def test_the_roofline_is_of_the_whole_optimizer_step(begin):
    start = begin()
    first, last = start.choices[2], start.choices[-1]
    assert start.forecast(first).most_samples_per_s == pytest.approx(start.forecast(last).most_samples_per_s, rel=0.2)
    forecast = start.forecast(last)
    assert forecast.most_samples_per_s == pytest.approx(last.effective_batch_size / forecast.step_floor_s)


def test_joint_rows_count_once_per_task(begin):
    start = begin(tasks=4)
    assert start.samples_per_step(start.choices[-1]) == start.effective
    joint = replace(start, answer=replace(start.answer, recipe=replace(start.answer.recipe, task_mixing="joint")))
    assert joint.samples_per_step(start.choices[-1]) == 4 * start.effective


def test_a_card_known_by_its_size_has_no_roofline(begin):
    start = begin("vram-8gb")
    assert start.forecast(start.predicted).most_samples_per_s is None


def test_a_cell_without_a_tuned_file_is_answered_as_ever(store):
    answer = ask(store, gpu="t4", model="biobert", tasks=1, goal="speed")
    assert untuned_answer(store, answer.key).recipe == answer.recipe
