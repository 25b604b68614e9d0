"""kb/layouts is checked as all data: each fault with its file and line, and one file's fault hides no other's."""

import json
import shutil

import pytest

from checkout import ROOT
from recipe_kb.resolve.layout_files import layout_problems
from recipe_kb.store.store import Store

MODEL, PLACE = "biobert", "layouts/biobert.json"
GOOD = json.loads((ROOT / "kb" / PLACE).read_text(encoding="utf-8"))
OTHER = json.loads((ROOT / "kb" / "layouts" / "bert-base-cased.json").read_text(encoding="utf-8"))


@pytest.fixture
def problems(tmp_path):
    for folder in ("models", "layouts"):
        shutil.copytree(ROOT / "kb" / folder, tmp_path / "kb" / folder)

    def check(name, content):
        text = content if isinstance(content, str) else json.dumps(content, indent=1)
        (tmp_path / "kb" / "layouts" / f"{name}.json").write_text(text, encoding="utf-8")
        return [str(problem) for problem in layout_problems(Store(tmp_path / "kb"))]

    return check


def test_the_files_of_the_knowledge_base_have_no_problem(store):
    assert list(layout_problems(store)) == []
    assert set(store.layout_ids()) == set(store.model_ids())


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("{", "", "is not valid JSON"),
        (GOOD | {"layers": 1}, "", "is not what `make layouts` writes"),
        (GOOD | {"layer": "Bert Layer"}, ":8", "'Bert Layer' is no name of a class"),
        (GOOD | {"layouts": {"full": "nonsense"}}, ":10", "full is not a packed layout"),
        (GOOD | {"layouts": GOOD["layouts"] | {"dora": "x"}}, ":13", "unknown key dora"),
        (GOOD | {"versions": GOOD["versions"] | {"torch": "2.12.0"}}, ":3", "was made with torch 2.12.0"),
    ],
)
def test_each_fault_is_named_at_its_line(problems, content, line, words):
    (found,) = problems(MODEL, content)
    assert f"{PLACE}{line}: KB122 " in found
    assert words in found
    assert found.endswith("make layouts")


def test_the_layout_of_another_network_is_found(problems):
    distil = json.loads((ROOT / "kb" / "layouts" / "distilbert-base-cased.json").read_text(encoding="utf-8"))
    found = problems(MODEL, distil)
    assert [f"{PLACE}:{line}: KB122 " in problem for line, problem in zip((10, 11, 12), found, strict=True)] == [
        True
    ] * 3
    assert "full has 6 layers, the model 12" in found[0]


def test_a_file_of_no_model_is_found(problems):
    (found,) = problems("unknown-model", GOOD)
    assert "layouts/unknown-model.json: KB106 'unknown-model' is referred to but does not exist" in found
