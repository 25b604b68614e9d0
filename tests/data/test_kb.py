"""The data: all of it is there, all of it loads, all of it speaks both languages."""

from collections import Counter
from dataclasses import fields, is_dataclass

import pytest

from recipe_kb.resolve.check import check
from recipe_kb.resolve.memory import memory_of
from recipe_kb.resolve.rules import RULES
from recipe_kb.schema.base import Text
from recipe_kb.store.names import find_gpu, find_model


def test_the_knowledge_base_has_no_problem(store):
    problems, counts = check(store)
    assert problems == []
    assert all(count > 0 for kind, count in counts.items() if kind != "evidence"), counts


def test_at_least_28_gpus_and_35_models(store):
    assert len(store.gpu_ids()) >= 28
    assert len(store.model_ids()) >= 35


def test_214_claims_each_with_a_verdict(store):
    counts = Counter(claim.id[:3] for claim in store.claims())
    assert counts.items() >= {"000": 39, "001": 43, "002": 59, "003": 36, "004": 37}.items()
    verdicts = Counter(claim.verdict for claim in store.claims())
    assert sum(verdicts.values()) >= 214
    assert set(verdicts) == {"consistent", "inconsistent", "contradicted", "unverified"}


def texts(value):
    if isinstance(value, Text):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts(getattr(value, field.name))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)


def test_every_text_is_really_in_two_languages(store):
    records = [*store.claims(), *map(store.rule, store.rule_ids()), *map(store.recipe, store.recipe_keys())]
    records += [
        *map(store.gpu, store.gpu_ids()),
        *map(store.model, store.model_ids()),
        *store.terms(),
        store.remedies(),
        store.cuda(),
    ]
    found = [text for record in records for text in texts(record)]
    assert len(found) > 500
    for text in found:
        kept_in_english = len(text.en.split()) <= 3  # a term such as "data loader" or "warm-up"
        assert kept_in_english or any(ord(char) > 127 for char in text.vi), text.vi


def test_rules_and_their_functions_are_the_same_set(store):
    assert set(store.rule_ids()) == set(RULES)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("3070", "rtx-3070"),
        ("rtx3070", "rtx-3070"),
        ("RTX 3070", "rtx-3070"),
        ("NVIDIA GeForce RTX 3070", "rtx-3070"),
        ("T4 16GB", "t4"),
        ("Tesla T4", "t4"),
        ("A100-SXM4-40GB", "a100-40gb"),
        ("NVIDIA A100-SXM4-40GB", "a100-40gb"),
        ("H100", "h100-80gb"),
        ("NVIDIA H100 80GB HBM3", "h100-80gb"),
    ],
)
def test_gpus_are_found_by_what_people_type(store, typed, expected):
    assert find_gpu(store, typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("BioBERT", "biobert"),
        ("dmis-lab/biobert-v1.1", "biobert"),
        ("bert-base", "bert-base-uncased"),
        ("phobert", "phobert-base"),
        ("Qwen/Qwen2.5-0.5B", "qwen2.5-0.5b"),
        ("llama 3.2 3b", "llama-3.2-3b"),
        ("microsoft/BiomedNLP-PubMedBERT-base-uncased-abstract-fulltext", "pubmedbert"),
    ],
)
def test_networks_are_found_by_what_people_type(store, typed, expected):
    assert find_model(store, typed) == expected


def test_every_configuration_of_the_guides_is_a_recipe(store):
    ids = {str(key) for key in store.recipe_keys()}
    for model in ("bert-base-uncased", "biobert", "pubmedbert", "scibert"):
        for tasks in ("1t", "2-3t", "8t"):
            for length in (512, 256):
                assert f"t4/{model}/{tasks}-{length}-full" in ids
    assert {"a100-40gb/bert-base-uncased/1t-512-full", "a100-40gb/llama-3.2-3b/1t-512-qlora"} <= ids
    for cell in ("phobert-base/1t-256-full", "bert-base-uncased/1t-128-full"):
        assert {f"rtx-3070/{cell}{goal}" for goal in ("", "-quality", "-speed")} <= ids
    assert {f"vram-{size}gb/qwen2.5-0.5b/1t-512-full" for size in (4, 8, 16, 24)} <= ids


def test_what_cannot_hold_is_refuted_and_says_what_works(store):
    refuted = {str(key): store.recipe(key) for key in store.recipe_keys() if store.recipe(key).status == "refuted"}
    assert set(refuted) == {
        "a100-40gb/llama-3.2-3b/1t-512-full",
        "vram-4gb/qwen2.5-0.5b/1t-512-full",
        "vram-8gb/qwen2.5-0.5b/1t-512-full",
    }
    assert all(recipe.refuted.instead for recipe in refuted.values())


def test_the_memory_of_every_recipe_is_predicted_from_a_trace(store):
    for key in store.recipe_keys():
        gpu = None if key.gpu.startswith("vram") else store.gpu(key.gpu)
        recipe = store.recipe(key)
        memory = memory_of(store, key, recipe.settings, recipe.task_mixing, gpu, store.model(key.model))
        assert memory.method == "traced", key
        assert memory.fits == (recipe.status != "refuted"), key
        assert recipe.status != "reported", key


def test_recipes_for_the_rtx_3070_write_down_what_they_assume(store):
    for key in store.recipe_keys(gpu="rtx-3070"):
        recipe = store.recipe(key)
        assert recipe.origin == "derived"
        assert recipe.assumptions


def test_every_recipe_has_ladders(store):
    for key in store.recipe_keys():
        ladder = store.recipe(key).ladder
        assert ladder.out_of_memory
        assert ladder.slow


def test_multi_task_batches_are_those_of_one_task(store):
    """The guides halve and quarter the batch; interleaved tasks need no more memory than one."""
    for model in ("bert-base-uncased", "biobert", "pubmedbert", "scibert"):
        sizes = {
            key.tasks: store.recipe(key).settings.per_device_train_batch_size
            for key in store.recipe_keys("t4", model)
            if key.max_length == 512
        }
        assert set(sizes.values()) == {32}
        assert len(sizes) == 3
