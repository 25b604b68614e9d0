"""Memory of a cell: the replay of its traced step, and documented figures where there is none."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simple_steps import TOKEN, WEIGHTS, knowledge_base, packed, packed_state, record

from recipe_kb.errors import BadInputError
from recipe_kb.memory.gpu import context_of, device_of
from recipe_kb.memory.predict import MARGIN, Question, predict
from recipe_kb.memory.schedule import Plan
from recipe_kb.memory.stored import Cell, unpack
from recipe_kb.resolve.memory import memory_fits, memory_of
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.units import GIB, MIB

KEY = RecipeKey(gpu="t4", model="biobert", tasks=(1, 1), max_length=512)
CELL = "full/bf16/sdpa/plain"


@pytest.fixture(scope="module")
def simple(tmp_path_factory):
    steps = {CELL: packed(), "lora/bf16/sdpa/plain": packed(weights=64 * MIB)}
    updates = {"full/adamw_bnb_8bit": packed_state(256 * MIB)}
    return knowledge_base(tmp_path_factory.mktemp("simple"), biobert=record(steps, updates))


def predicted(store, key=KEY, mixing=None, **changes):
    start = store.recipe(replace(key, gpu="t4", tasks=(1, 1), max_length=512, method="full")).settings
    gpu = None if key.gpu.startswith("vram") else store.gpu(key.gpu)
    return memory_of(store, key, replace(start, **changes), mixing, gpu, store.model(key.model))


def test_an_exact_recipe_has_the_figure_of_its_replay(store):
    """The same question put together by hand, from the file on disk."""
    key = RecipeKey(gpu="t4", model="biobert", tasks=(8, 8), max_length=512)
    recipe, gpu, model = store.recipe(key), store.gpu("t4"), store.model("biobert")
    cell = Cell.of_settings(recipe.settings, "full")
    question = Question(
        step=unpack(store.memory("biobert")["steps"][str(cell)]),
        rows=32,
        length=512,
        plan=Plan(loop="trainer", evaluation_batches=2),
        evaluation_rows=64,
        other_heads=(9 * 768 * 4, 9 * 4) * 7,
        device=device_of(gpu, store.cuda()),
        context=context_of("t4", gpu, store.cuda()),
        total_bytes=gpu.memory.limit_bytes,
    )
    replayed = predict(question)
    memory = memory_of(store, key, recipe.settings, recipe.task_mixing, gpu, model)
    assert memory.method == "traced"
    assert memory.peak_reserved_bytes == replayed.peak_reserved_bytes
    assert memory.interval == replayed.interval
    assert memory.limit_bytes == replayed.limit_bytes
    assert memory.fits == replayed.fits
    assert dict(memory.parts) | {"context": memory.context_bytes} == replayed.breakdown
    assert sum(memory.parts.values()) == memory.peak_reserved_bytes
    assert memory.interval[0] < memory.peak_reserved_bytes < memory.interval[1]


def test_the_peak_is_what_a_person_adds_up(simple):
    memory = predicted(simple, per_device_train_batch_size=4)
    assert memory.method == "traced"
    assert memory.parts["activations"] == 4 * 512 * TOKEN
    assert memory.parts["weights"] == WEIGHTS
    assert memory.peak_reserved_bytes == pytest.approx(4 * 512 * TOKEN + 4 * WEIGHTS, abs=40 * MIB)


def test_the_limit_is_the_smallest_total_seen_less_the_most_that_a_context_takes(simple):
    memory = predicted(simple)
    assert memory.limit_bytes == (14909 - 147) * MIB
    assert memory.context_bytes == 147 * MIB
    assert memory.usable_bytes * (1 + MARGIN) == pytest.approx(memory.limit_bytes)
    bare = predicted(simple, key=replace(KEY, gpu="vram-8gb"))
    assert bare.limit_bytes + bare.context_bytes == int(8 * 0.97 * GIB)


def test_only_what_was_traced_is_replayed(simple):
    for changes in (
        {"gradient_checkpointing": True},
        {"precision": "fp32"},
        {"attn_implementation": "eager"},
        {"optim": "sgd"},
        {"max_grad_norm": 0.0},  # clipping was traced
    ):
        assert predicted(simple, **changes).method == "documented-figures", changes
    assert predicted(simple, key=replace(KEY, model="scibert")).method == "documented-figures"


def test_adapters_are_replayed_only_at_the_rank_that_was_traced(simple):
    lora = replace(KEY, method="lora")
    as_traced = {"lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.05}
    assert predicted(simple, key=lora, **as_traced).method == "traced"
    for other in ({"lora_r": 8}, {"lora_dropout": 0.0}):
        assert predicted(simple, key=lora, **as_traced | other).method == "documented-figures", other


def test_another_optimizer_brings_its_own_state(simple):
    usual, small = predicted(simple), predicted(simple, optim="adamw_bnb_8bit")
    assert small.method == "traced"
    assert small.parts["optimizer"] == 256 * MIB
    assert usual.parts["optimizer"] == 2 * WEIGHTS


def test_documented_figures_say_how_far_off_they_can_be(simple):
    memory = predicted(simple, gradient_checkpointing=True)
    assert memory.error == 0.25
    assert memory.interval == pytest.approx((0.75 * memory.peak_reserved_bytes, 1.25 * memory.peak_reserved_bytes))
    assert memory.usable_bytes == int(0.9 * memory.limit_bytes)
    assert memory.to_json()["method"] == "documented-figures"


def test_each_further_task_adds_its_head_and_joint_ones_their_rows(simple):
    one = predicted(simple, per_device_train_batch_size=4)
    interleaved = predicted(simple, key=replace(KEY, tasks=(8, 8)), mixing="interleaved", per_device_train_batch_size=4)
    head = 9 * 768 * 4 + 9 * 4
    assert interleaved.parts["weights"] - one.parts["weights"] == pytest.approx(7 * head, rel=0.05)
    assert not interleaved.is_approximate
    joint = predicted(simple, key=replace(KEY, tasks=(2, 2)), mixing="joint", per_device_train_batch_size=4)
    assert joint.parts["activations"] == 2 * one.parts["activations"]
    assert joint.is_approximate


def test_a_length_that_attention_pads_is_counted_padded(simple):
    odd, padded = (predicted(simple, key=replace(KEY, max_length=length)) for length in (500, 504))
    assert odd.counted_length == 504
    assert odd.peak_reserved_bytes == padded.peak_reserved_bytes
    assert odd.is_approximate
    assert padded.counted_length is None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.integers(1, 128), length=st.integers(1, 64))
def test_memory_never_falls_with_more_rows_or_tokens(store, batch, length):
    key = replace(KEY, max_length=8 * length)
    here = predicted(store, key=key, per_device_train_batch_size=batch)
    # Which block is carved up can change with the batch; what lives at the peak cannot shrink.
    held = sum(here.parts.values()) - here.parts["fragmentation"]
    for other, rows in ((key, batch + 1), (replace(key, max_length=8 * length + 8), batch)):
        more = predicted(store, key=other, per_device_train_batch_size=rows)
        assert sum(more.parts.values()) - more.parts["fragmentation"] >= held


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.integers(1, 256), checkpointing=st.booleans())
def test_the_quick_answer_is_the_full_one(store, batch, checkpointing):
    start = store.recipe(replace(KEY, tasks=(1, 1))).settings
    changed = replace(start, per_device_train_batch_size=batch, gradient_checkpointing=checkpointing)
    gpu, model = store.gpu("t4"), store.model("biobert")
    assert memory_fits(store, KEY, changed, None, gpu, model) == memory_of(store, KEY, changed, None, gpu, model).fits


def test_a_card_of_an_unknown_architecture_is_bad_input(simple):
    gpu = replace(simple.gpu("t4"), compute_capability="1.0")
    recipe = simple.recipe(KEY)
    with pytest.raises(BadInputError, match=r"gpus/t4.yaml.*KB106 '1.0'"):
        memory_of(simple, KEY, recipe.settings, None, gpu, simple.model("biobert"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not valid JSON"),
        ("[]", "steps"),
        ("[" * 100_000, "is not valid JSON"),
        (record({CELL: 1}), f"steps.{CELL}"),
        (record({}, updates=None) | {"more": {}}, "more"),
        (record({CELL: "nonsense"}), f"{CELL} is not a packed step"),
        (record({CELL: "eNqrVkrOT0lVslJQKi1OLVLSUVAqSS0uUbJSUEoqSgUAcEoHzA=="}), f"{CELL} is not a packed step"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, words):
    store = knowledge_base(tmp_path, biobert=content)
    with pytest.raises(BadInputError) as caught:
        predicted(store)
    (problem,) = caught.value.problems
    assert problem.code == "KB118"
    assert problem.where.endswith("memory/biobert.json")
    assert words in problem.what


def test_a_missing_file_is_no_fault(tmp_path):
    store = knowledge_base(tmp_path)
    assert store.memory("biobert") is None
    assert predicted(store).method == "documented-figures"
