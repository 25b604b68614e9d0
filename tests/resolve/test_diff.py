from dataclasses import replace

from recipe_kb.resolve.answer import ask
from recipe_kb.resolve.diff import compare


def test_only_what_differs_is_told_with_what_it_costs(store):
    long = ask(store, gpu="t4", model="biobert", tasks=8)
    short = ask(store, gpu="t4", model="biobert", tasks=8, max_length=256)
    changes = {change.setting: change for change in compare(store, long, short)}
    assert set(changes) == {"max_length", "per_device_train_batch_size", "per_device_eval_batch_size", "learning_rate"}
    assert changes["max_length"].memory_bytes < 0 < changes["per_device_train_batch_size"].memory_bytes
    assert changes["learning_rate"].memory_bytes == 0
    assert compare(store, long, long) == []


def test_figures_of_two_methods_are_not_subtracted(store):
    traced = ask(store, gpu="t4", model="biobert", tasks=1)
    settings = replace(traced.recipe.settings, attn_implementation="flash_attention_2", learning_rate=1e-5)
    other = replace(traced, recipe=replace(traced.recipe, settings=settings))
    changes = {change.setting: change.memory_bytes for change in compare(store, traced, other)}
    assert changes == {"attn_implementation": None, "learning_rate": 0}
