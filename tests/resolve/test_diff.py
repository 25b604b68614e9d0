from recipe_kb.resolve.answer import ask
from recipe_kb.resolve.diff import compare


def test_only_what_differs_is_told_with_what_it_costs(store):
    constants = store.rule("memory-estimate").constants
    long = ask(store, gpu="t4", model="biobert", tasks=8)
    short = ask(store, gpu="t4", model="biobert", tasks=8, max_length=256)
    changes = {change.setting: change for change in compare(long, short, constants)}
    assert set(changes) == {"max_length", "per_device_train_batch_size", "per_device_eval_batch_size", "learning_rate"}
    assert changes["max_length"].memory_bytes < 0 < changes["per_device_train_batch_size"].memory_bytes
    assert changes["learning_rate"].memory_bytes == 0
    assert compare(long, long, constants) == []
