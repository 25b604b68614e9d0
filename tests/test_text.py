import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.text import fold, nearest, search_words, squash


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Tỷ lệ học", "ty le hoc"),
        ("Độ chính xác", "do chinh xac"),
        ("ĐƯỜNG", "duong"),
        ("tích luỹ", "tich luy"),
        ("batch size", "batch size"),
    ],
)
def test_folding_drops_marks(text, folded):
    assert fold(text) == folded


@pytest.mark.parametrize("spelling", ["ti le hoc", "tỉ lệ học", "tỷ lệ học", "TỶ LỆ HỌC"])
def test_i_and_y_are_one_word(spelling):
    assert search_words(spelling) == ["ti", "le", "hoc"]


def test_words_keep_numbers_and_ids_whole():
    assert search_words("qwen2.5-0.5b, 2e-5 (T4)!") == ["qwen2.5-0.5b", "2e-5", "t4"]


@given(st.text())
def test_folding_is_stable_and_ignores_the_unicode_form(text):
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@given(st.text())
def test_words_hold_no_space_and_no_marks(text):
    for word in search_words(text):
        assert word
        assert not any(char.isspace() or unicodedata.combining(char) for char in word)


def test_nearest_name_forgives_spelling():
    assert nearest("t44", ["t4", "a100-40gb"])[0] == "t4"
    assert nearest("RTX3O70", ["rtx-3070", "rtx-3090"])[0] == "rtx-3070"
    assert nearest("zzzz", ["t4"]) == []


def test_a_beginning_offers_what_it_begins():
    assert nearest("a100", ["a10", "a100-40gb", "a100-80gb"])[:2] == ["a100-40gb", "a100-80gb"]


def test_squash_makes_one_of_all_spellings():
    assert squash("RTX 3070") == squash("rtx-3070") == squash("rtx3070") == "rtx3070"
    assert squash("Qwen2.5-0.5B") == "qwen2.50.5b"
