"""Traced steps are checked as all data: a fault is named with its file, and one file's fault hides no other's."""

import json

import pytest
from simple_steps import VERSIONS, knowledge_base, packed, record

from recipe_kb.resolve.check import check
from recipe_kb.units import MIB

CELL = "full/bf16/sdpa/plain"


@pytest.fixture(scope="module")
def good():
    return record({CELL: packed()})


def problems(store):
    return [str(problem) for problem in check(store)[0]]


def test_good_files_have_no_problem_and_are_counted(tmp_path, good):
    store = knowledge_base(tmp_path, biobert=good, roberta_base=good)
    found, counts = check(store)
    assert found == []
    assert counts["memory"] == 2


def test_a_model_without_a_file_is_no_problem_but_no_file_at_all_is(tmp_path, good):
    assert problems(knowledge_base(tmp_path, gpt2=good)) == []
    (only,) = problems(knowledge_base(tmp_path))
    assert "memory: KB118 no model has traced steps -> make curves" in only


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("{", "KB118", "is not valid JSON"),
        ("[]", "KB118", "is not what `make curves` writes"),
        (record({"full/bf16/sdpa": "x"}), "KB118", "unknown key full/bf16/sdpa"),
        (record({}, {"full/adamw": "x"}), "KB118", "unknown key full/adamw"),
        (record({}, **{"not": {"qlora/fp9/sdpa/plain": "x"}}), "KB118", "unknown key qlora/fp9/sdpa/plain"),
        (record({CELL: "nonsense"}), "KB118", f"{CELL} is not a packed step"),
        (record({}, {"full/sgd": ""}), "KB118", "full/sgd is not a packed step"),
        (record({}, versions=VERSIONS | {"torch": "2.12.0"}), "KB118", "was traced with torch 2.12.0"),
    ],
)
def test_each_fault_is_named_in_its_file(tmp_path, good, content, code, words):
    found = problems(knowledge_base(tmp_path, biobert=good, gpt2=content))
    assert any(f"memory/gpt2.json: {code} " in problem and words in problem for problem in found), found
    assert all("memory/gpt2.json" in problem for problem in found)


def test_a_cell_that_cannot_be_traced_may_say_why(tmp_path):
    reasons = {"qlora/bf16/sdpa/plain": "4-bit weights need a GPU", "lora/paged_adamw_8bit": "needs a GPU"}
    assert problems(knowledge_base(tmp_path, gpt2=record({}, **{"not": reasons}))) == []


def test_a_file_of_no_model_and_a_stray_one_are_found(tmp_path, good):
    store = knowledge_base(tmp_path, biobert=good, gpt3=good)
    (store.root / "memory" / "deep").mkdir()
    (store.root / "memory" / "deep" / "gpt2.json").write_text(json.dumps(good), encoding="utf-8")
    found = problems(store)
    assert any("memory/gpt3.json: KB106 'gpt3'" in problem for problem in found)
    assert any("memory/deep/gpt2.json: KB108" in problem for problem in found)
    assert len(found) == 2


RECIPE = "recipes/t4/biobert/1t-512-full.yaml"


def edit(store, old, new):
    path = store.root / RECIPE
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_reported_is_not_enough_where_a_trace_predicts(tmp_path, good):
    traced = knowledge_base(tmp_path / "traced", biobert=good)
    other = knowledge_base(tmp_path / "other", gpt2=good)
    for store in (traced, other):
        edit(store, "status: predicted", "status: reported")
    (only,) = problems(traced)
    assert f"{RECIPE}:3: KB119 status is reported" in only
    assert problems(other) == []


def test_a_recipe_whose_trace_exceeds_its_card_is_found(tmp_path):
    heavy = knowledge_base(tmp_path, biobert=record({CELL: packed(token_bytes=MIB, weights=MIB // 2, state=MIB)}))
    (only,) = [problem for problem in problems(heavy) if RECIPE in problem]
    assert "KB114 predicted memory 16.00 GiB exceeds what the card leaves, 13.73 GiB" in only
