"""One answer asks for the same rule and remedies many times; a file is read once."""

from recipe_kb.store.store import Store


def test_a_file_is_read_once(broken_kb):
    store = Store(broken_kb)
    rule, steps = store.rule("num-tasks"), store.memory("biobert")
    for relative in ("rules/num-tasks.yaml", store.memory_path("biobert")):
        (broken_kb / relative).unlink()
    assert store.rule("num-tasks") is rule
    assert store.memory("biobert") is steps is not None
    assert Store(broken_kb).memory("biobert") is None
    assert store == Store(broken_kb)
