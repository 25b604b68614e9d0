import pytest

from recipe_kb.resolve.search import search


def ids(store, query):
    return [hit.document.id for hit in search(store, query)]


def test_one_question_in_four_spellings(store):
    found = ids(store, "learning rate")
    assert found[0] == "learning-rate"
    assert "sqrt-adam" in found
    for spelling in ("ti le hoc", "tỉ lệ học", "tỷ lệ học", "TỶ LỆ HỌC", "tốc độ học", "learning_rate"):
        assert ids(store, spelling) == found


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("het bo nho", "out-of-memory"),
        ("hết bộ nhớ", "out-of-memory"),
        ("OOM", "out-of-memory"),
        ("tich luy gradient", "gradient-accumulation"),
        ("tích luỹ gradient", "gradient-accumulation"),
        ("tích lũy gradient", "gradient-accumulation"),
        ("da nhiem", "multi-task"),
        ("đa nhiệm", "multi-task"),
        ("warmup", "warm-up"),
        ("marek", "marek-2025"),
        ("phobert-large", "phobert-large"),
        ("rtx 4090", "rtx-4090"),
    ],
)
def test_the_first_hit_is_the_thing_itself(store, query, first):
    assert ids(store, query)[0] == first


def test_words_narrow_each_other(store):
    t4, biobert = set(ids(store, "t4")), set(ids(store, "biobert"))
    both = ids(store, "t4 biobert 8 task")
    assert both[0] == "t4/biobert/8t-512-full" or "t4/biobert/8t-512-full" in both[:3]
    assert set(ids(store, "t4 biobert")) <= t4 & biobert


@pytest.mark.parametrize("query", ["", "   ", "()", "xyzzyx", "đ" * 500])
def test_nothing_is_found_for_nothing(store, query):
    assert ids(store, query) == []
