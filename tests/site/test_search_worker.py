"""The search that the site ships, asked without a browser."""

import json
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from queries import LEAST_QUERIES, RIGHT_FIRST, is_right, queries

from recipe_kb.text import fold

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def ask(folder, words):
    """Return the pages found for each query, best first."""
    script = Path(__file__).with_name("search_worker.mjs")
    typed = "\n".join(words)
    run = subprocess.run([NODE, str(script), str(folder)], input=typed, capture_output=True, text=True, check=True)
    return [[group[0]["page"] for group in json.loads(line)] for line in run.stdout.splitlines()]


@pytest.mark.parametrize("language", ["en", "vi"])
def test_the_first_result_is_right(built, language):
    asked = queries(language)
    assert len(asked) >= LEAST_QUERIES
    found = ask(built.site / language, [query for query, _pages in asked])
    wrong = {
        query: pages[:3]
        for (query, wanted), pages in zip(asked, found, strict=True)
        if not pages or not is_right(pages[0], wanted)
    }
    assert len(wrong) <= (1 - RIGHT_FIRST) * len(asked), wrong


@pytest.mark.parametrize("language", ["en", "vi"])
def test_every_right_page_is_there(built, language):
    for query, pages in queries(language):
        assert any((built.site / language / page).is_dir() for page in pages), query


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("tích luỹ", "tích lũy"),
        ("tỉ lệ thuận", "tỷ lệ thuận"),
        ("quy tắc", "qui tắc"),
        ("Đường", "đường"),
        ("Bằng Chứng", "bằng chứng"),
        (unicodedata.normalize("NFD", "tích luỹ gradient"), "tích luỹ gradient"),
    ],
)
def test_two_spellings_find_the_same_page_first(built, first, second):
    one, other = ask(built.site / "vi", [first, second])
    assert one[0].partition("#")[0] == other[0].partition("#")[0]


@pytest.mark.parametrize(
    "words", ["đường", "bộ nhớ", "tích luỹ", "quy tắc", "độ chính xác", "bằng chứng", "phân mảnh", "suy giảm trọng số"]
)
def test_words_without_marks_find_what_marks_find(built, words):
    marked, plain = ask(built.site / "vi", [words, fold(words)])
    assert marked[0].partition("#")[0] in [page.partition("#")[0] for page in plain[:4]]


def test_a_page_with_all_syllables_comes_before_pages_with_some(built):
    (found,) = ask(built.site / "vi", ["chọn công thức"])
    assert found[0] == "recipe-picker/"


def test_each_language_finds_its_own_words_only(built):
    english, vietnamese = (ask(built.site / language, ["nhiều mẫu hơn"])[0] for language in ("en", "vi"))
    assert vietnamese
    assert not english


def test_nonsense_finds_nothing(built):
    assert ask(built.site / "vi", ["zzqqxx"]) == [[]]


@pytest.mark.parametrize("words", ["+", "-", "~", "a^b", "title:", "*", "+đ", "- - -", "::", "x~3", "(((", "\\"])
def test_signs_of_the_query_language_break_nothing(built, words):
    assert len(ask(built.site / "vi", [words, "bộ nhớ"])) == 2
