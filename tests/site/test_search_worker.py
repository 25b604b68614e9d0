"""The search that the site ships, asked without a browser."""

import json
import shutil
import subprocess
import unicodedata
from contextlib import ExitStack
from pathlib import Path

import pytest
from queries import LEAST_QUERIES, RIGHT_FIRST, is_right, is_there, queries, written

from recipe_kb.site.search_index import whole
from recipe_kb.text import fold

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


@pytest.fixture(scope="module")
def worker(built):
    """Return a function: groups of entries that the worker of a language hands to the page for a query, best first."""
    with ExitStack() as running:
        started = {}

        def ask(language, typed):
            if language not in started:
                command = [NODE, str(Path(__file__).with_name("search_worker.mjs")), str(built.site / language)]
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                started[language] = running.enter_context(process)
            started[language].stdin.write(f"{typed}\n")
            started[language].stdin.flush()
            return json.loads(started[language].stdout.readline())

        yield ask
        for process in started.values():
            process.stdin.close()


@pytest.fixture(scope="module")
def pages(worker):
    """Return a function: addresses of the best entry of each page that is found, best first."""
    return lambda language, typed: [group[0]["location"] for group in worker(language, typed)]


@pytest.mark.parametrize("language", ["en", "vi"])
def test_the_first_result_is_right(built, pages, language):
    asked = queries(language, built.site)
    assert len(asked) >= LEAST_QUERIES
    found = {query: pages(language, query)[:3] for query, _wanted in asked}
    wrong = {
        query: found[query] for query, wanted in asked if not any(is_right(one, wanted) for one in found[query][:1])
    }
    assert len(wrong) <= (1 - RIGHT_FIRST) * len(asked), wrong


@pytest.mark.parametrize("language", ["en", "vi"])
def test_every_right_page_is_there(built, language):
    for query, wanted in written(language):
        for page in wanted:
            assert page.startswith("?") or is_there(built.site / language, page), query


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
def test_two_spellings_find_the_same_page_first(pages, first, second):
    one, other = pages("vi", first), pages("vi", second)
    assert one[0].partition("#")[0] == other[0].partition("#")[0]


@pytest.mark.parametrize(
    "words", ["đường", "bộ nhớ", "tích luỹ", "quy tắc", "độ chính xác", "bằng chứng", "phân mảnh", "suy giảm trọng số"]
)
def test_words_without_marks_find_what_marks_find(pages, words):
    marked, plain = pages("vi", words), pages("vi", fold(words))
    assert marked[0].partition("#")[0] in [page.partition("#")[0] for page in plain[:4]]


def test_a_page_with_all_syllables_comes_before_pages_with_some(pages):
    assert pages("vi", "chọn công thức")[0] == "recipe-picker/"


def test_each_language_finds_its_own_words_only(pages):
    assert pages("vi", "những")
    assert not pages("en", "những")


def test_nonsense_finds_nothing(pages):
    assert pages("vi", "zzqqxx") == []


@pytest.mark.parametrize("digit", "0123456789")
@pytest.mark.parametrize("language", ["en", "vi"])
def test_a_digit_finds_something(pages, language, digit):
    """The word graph of lunr mixes states up where words have many digits, and the worker hides the error."""
    assert pages(language, digit)


@pytest.mark.parametrize("words", ["+", "-", "~", "a^b", "title:", "*", "+đ", "- - -", "::", "x~3", "(((", "\\"])
def test_signs_of_the_query_language_break_nothing(pages, words):
    assert isinstance(pages("vi", words), list)
    assert pages("vi", "bộ nhớ")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("tích luỹ", "tích"), ("tich luy", "luỹ"), ("bo nho", "nhớ"), ("bằng chứng", "chứng"), ("OOM", "oom")],
)
def test_what_was_found_is_marked_as_it_stands(worker, typed, shown):
    best = worker("vi", typed)[0]
    seen = " ".join(" ".join((entry["title"], entry["text"], *entry.get("tags", ()))) for entry in best)
    assert f"<mark>{shown}</mark>" in seen.lower()
    assert "<mark><mark>" not in seen


@pytest.mark.parametrize("typed", ["bo nho", "tỷ lệ thuận", "optimizers", "t4/biobert/8t-512-full", "độ chinh xac"])
def test_nothing_that_was_found_is_struck_out(worker, typed):
    best = worker("vi", typed)[0]
    assert best[0]["terms"]
    assert all(best[0]["terms"].values()), best[0]["terms"]


@pytest.mark.parametrize("typed", ["tesla t4", "biobert", "bo nho gpu", "a100 80gb", "optimizers"])
def test_the_shipped_file_makes_names_whole_as_the_index_has_them(worker, typed):
    """`names` and `spelled` are compared as one word each: both sides must fold alike."""
    best = worker("vi", typed)[0]
    fields = [field.split() for entry in best for field in (entry.get("names", ""), entry.get("spelled", ""))]
    words = {word.replace("<mark>", "").replace("</mark>", "") for field in fields for word in field}
    assert whole(typed) in words
