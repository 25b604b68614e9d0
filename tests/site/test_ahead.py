import pytest
from small_copy import small_copy

from recipe_kb.site.ahead import answer_ahead
from recipe_kb.site.facts import Facts
from recipe_kb.store.store import Store


@pytest.fixture
def small(tmp_path):
    root = small_copy(tmp_path)
    for path in (root / "recipes" / "t4" / "biobert").glob("*-256-*.yaml"):
        path.unlink()
    return root


def test_an_answer_from_another_process_is_the_same(small):
    ids = [str(key) for key in Store(small).recipe_keys()]
    ahead, here = Facts(Store(small)), Facts(Store(small))
    assert answer_ahead(ahead, many=1) == len(ids) > 3
    for recipe_id in ids:
        one, other = ahead.answer(recipe_id), here.answer(recipe_id)
        assert one.to_json("vi") == other.to_json("vi")
        assert one.memory.interval == other.memory.interval


def test_few_are_left_to_who_asks(small, monkeypatch):
    facts = Facts(Store(small))
    assert answer_ahead(facts) == 0
    assert not facts._answers


def test_a_recipe_that_cannot_be_answered_is_left_with_its_error(small):
    (small / "recipes" / "t4" / "biobert" / "1t-512-full.yaml").write_text("origin: [", encoding="utf-8")
    facts = Facts(Store(small))
    assert answer_ahead(facts, many=1) == len(facts.store.recipe_keys()) - 1
