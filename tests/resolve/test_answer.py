"""Every cell has an answer: a recipe, a derived one, or why nothing fits and what would."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recipe_kb.errors import BadInputError, FindingError
from recipe_kb.resolve.answer import ask
from recipe_kb.resolve.rules import sqrt_adam


def test_an_exact_recipe_wins(store):
    answer = ask(store, gpu="t4", model="biobert", tasks=8)
    assert answer.recipe_id == "t4/biobert/8t-512-full"
    assert answer.recipe.origin == "guide"
    assert answer.recipe == store.recipe(answer.key)


def test_a_range_of_tasks_answers_each_count(store):
    for tasks in (2, 3):
        assert ask(store, gpu="t4", model="biobert", tasks=tasks).recipe_id == "t4/biobert/2-3t-512-full"
    assert ask(store, gpu="t4", model="biobert", tasks=4).recipe.origin == "derived"


@pytest.mark.parametrize("every", [pytest.param(5, marks=pytest.mark.slow), 28])
def test_every_gpu_and_every_network_has_an_answer(store, every):
    """A part of all pairs; each GPU and each network is in one at least."""
    derived, refused = 0, []
    gpus, models = store.gpu_ids(), store.model_ids()
    pairs = [(gpu, model) for i, gpu in enumerate(gpus) for j, model in enumerate(models) if (i + j) % every == 0]
    assert {gpu for gpu, _ in pairs} == set(gpus)
    assert {model for _, model in pairs} == set(models)
    for gpu, model in pairs:
        try:
            answer = ask(store, gpu=gpu, model=model, tasks=1)
        except FindingError as error:
            refused.append(error.problems[0].next_command)
            continue
        derived += answer.recipe.origin == "derived"
        assert answer.memory.fits or answer.recipe.refuted
    assert derived > 500 / every
    assert len(refused) > 50 / every
    assert all(command.startswith("kb recipe --gpu") for command in refused)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_derived_recipe_holds_together(store, data):
    gpu = data.draw(st.sampled_from(store.gpu_ids()))
    model = data.draw(st.sampled_from(store.model_ids()))
    method = data.draw(st.sampled_from(["full", "lora", "qlora"]))
    goal = data.draw(st.sampled_from(["quality", "balanced", "speed"]))
    tasks = data.draw(st.integers(1, 64))
    try:
        answer = ask(store, gpu=gpu, model=model, tasks=tasks, method=method, goal=goal)
    except FindingError:
        return
    recipe, card = answer.recipe, store.gpu(gpu)
    assert answer.effective_batch_size == recipe.effective_batch_size
    assert recipe.settings.precision != "bf16" or card.supports.bf16
    assert not recipe.settings.tf32 or card.supports.tf32
    assert set(recipe.provenance) == set(recipe.settings.given())
    if not recipe.refuted:
        assert answer.memory.fits
        assert sum(answer.memory.parts.values()) == answer.memory.peak_reserved_bytes


def test_speed_takes_no_accumulation_where_a_smaller_batch_needs_none(store):
    for model in ("biobert", "phobert-base", "roberta-base"):
        answer = ask(store, gpu="t4", model=model, tasks=1, goal="speed")
        assert answer.recipe.settings.gradient_accumulation_steps == 1


def test_several_gpus_leave_a_refutation_as_it_is(store):
    for key in store.recipe_keys():
        answer = ask(
            store,
            gpu=key.gpu,
            model=key.model,
            tasks=key.tasks[0],
            max_length=key.max_length,
            method=key.method,
            goal=key.goal,
            num_gpus=2,
        )
        assert (answer.recipe.refuted is not None) == (store.recipe(key).status == "refuted")


@pytest.mark.slow
def test_rungs_keep_the_effective_batch(store):
    for gpu in ("t4", "rtx-3070", "h200"):
        for model in store.model_ids()[::9]:
            for method in ("full", "lora"):
                try:
                    recipe = ask(store, gpu=gpu, model=model, tasks=1, method=method).recipe
                except FindingError:
                    continue
                for rung in recipe.ladder.out_of_memory:
                    if rung.why == "smaller-batch":
                        product = rung.set["per_device_train_batch_size"] * rung.set["gradient_accumulation_steps"]
                        assert product == recipe.effective_batch_size


def test_a_model_that_overflows_in_fp16_is_not_trained_in_it(store):
    assert ask(store, gpu="t4", model="gemma-3-1b", tasks=1, method="lora").recipe.settings.precision == "fp32"
    assert ask(store, gpu="l4", model="gemma-3-1b", tasks=1, method="lora").recipe.settings.precision == "bf16"


def test_goals_move_batch_and_rate_together(store):
    answers = {
        goal: ask(store, gpu="l4", model="roberta-base", tasks=1, goal=goal, max_length=256)
        for goal in ("quality", "balanced", "speed")
    }
    batches = {goal: answer.effective_batch_size for goal, answer in answers.items()}
    assert batches["quality"] * 2 == batches["balanced"] == batches["speed"] / 2
    base = answers["balanced"].recipe.settings.learning_rate
    for goal in ("quality", "speed"):
        expected = sqrt_adam(base, batches["balanced"], batches[goal])
        assert answers[goal].recipe.settings.learning_rate == pytest.approx(expected, rel=0.05)


def test_more_tasks_do_not_shrink_the_batch(store):
    sizes = {
        ask(store, gpu="t4", model="xlm-roberta-base", tasks=tasks).recipe.settings.per_device_train_batch_size
        for tasks in (1, 2, 8, 64)
    }
    assert len(sizes) == 1


def test_the_multi_task_rule_is_explained_in_the_answer(store):
    notes = [note.en for note in ask(store, gpu="t4", model="biobert", tasks=8).notes]
    assert any("every mini-batch holds one task" in note for note in notes)
    assert not any("mini-batch" in note.en for note in ask(store, gpu="t4", model="biobert", tasks=1).notes)


def test_the_accumulation_trap_is_told_where_it_bites(store):
    trapped = ask(store, gpu="t4", model="deberta-v3-large", tasks=1)
    assert trapped.recipe.settings.gradient_accumulation_steps > 1
    one_rung_away = ask(store, gpu="t4", model="biobert", tasks=1)
    assert one_rung_away.recipe.settings.gradient_accumulation_steps == 1
    for answer in (trapped, one_rung_away):
        assert any("accepts_loss_kwargs" in note.en for note in answer.notes)
    decoder = ask(store, gpu="a100-40gb", model="llama-3.2-3b", tasks=1, method="qlora")
    assert decoder.recipe.settings.gradient_accumulation_steps > 1
    assert not any("accepts_loss_kwargs" in note.en for note in decoder.notes)


def test_length_over_the_maximum_is_refused(store):
    with pytest.raises(BadInputError, match="phobert-base takes at most 256 tokens"):
        ask(store, gpu="t4", model="phobert", tasks=1, max_length=512)
    assert ask(store, gpu="t4", model="phobert", tasks=1).key.max_length == 256


def test_nothing_fits_says_what_would(store):
    with pytest.raises(FindingError, match="It fits with --method qlora"):
        ask(store, gpu="t4", model="qwen2.5-7b", tasks=1)
    with pytest.raises(FindingError, match="The smallest card it fits is"):
        ask(store, gpu="rtx-3070", model="llama-3.1-8b", tasks=1, method="qlora", max_length=4096)


def test_several_gpus_share_the_effective_batch(store):
    answer = ask(store, gpu="t4", model="biobert", tasks=8, num_gpus=4)
    assert answer.effective_batch_size == 32
    assert answer.recipe.settings.per_device_train_batch_size == 8
    with pytest.raises(BadInputError, match="cannot be split over 3 GPUs"):
        ask(store, gpu="t4", model="biobert", tasks=8, num_gpus=3)


def test_a_card_known_by_its_size(store):
    assert ask(store, gpu="vram-8gb", model="qwen2.5-0.5b", tasks=1).recipe.refuted
    assert ask(store, gpu="vram-12gb", model="biobert", tasks=1).recipe.origin == "derived"
