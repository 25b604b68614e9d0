"""What the page on adding says works: every example loads, every way to refer to a value is named."""

import re

import pytest

from checkout import ROOT
from recipe_kb.site.references import _environment
from recipe_kb.site.referred import FILTERS

PAGES = {language: (ROOT / "docs" / language / "adding.md").read_text(encoding="utf-8") for language in ("en", "vi")}
EXAMPLE = re.compile(
    r"^```yaml\n# (?P<path>kb/[\w./-]+)(?P<at_the_end>, at the end)?\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)


@pytest.fixture
def written(broken_kb):
    """A copy of the knowledge base with every example in its place."""
    found = list(EXAMPLE.finditer(PAGES["en"]))
    assert {found["path"].split("/")[1] for found in found} == {
        "recipes",
        "gpus",
        "models",
        "guides.yaml",
        "claims",
        "glossary.yaml",
    }
    for example in found:
        path = broken_kb / example["path"].removeprefix("kb/")
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") if example["at_the_end"] else f"# {example['path']}\n"
        path.write_text(before + example["text"], encoding="utf-8")
    return broken_kb


def test_every_example_loads_as_it_stands(kb, written):
    result = kb("check", root=written)
    assert result.returncode == 0, result.stdout
    assert "No problems." in result.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "l4/phobert-base/1t-256-full"), "origin: derived"),
        (("recipe", "--gpu", "3060", "--model", "distilbert-cased"), "NVIDIA GeForce RTX 3060 12GB"),
        (("show", "005-01"), "Batch 8 with 4 accumulation steps"),
        (("search", "dung som"), "early-stopping"),
    ],
)
def test_what_was_added_is_found(kb, written, words, says):
    result = kb(*words, root=written)
    assert result.returncode == 0, result.stderr
    assert says in result.stdout


def test_both_languages_have_the_same_examples():
    assert [found["text"] for found in EXAMPLE.finditer(PAGES["en"])] == [
        found["text"] for found in EXAMPLE.finditer(PAGES["vi"])
    ]


@pytest.mark.parametrize("language", PAGES)
def test_every_function_and_filter_is_named(facts, language):
    for name in (*_environment(facts).globals, *FILTERS):
        assert re.search(rf"`[^`]*\b{name}\b", PAGES[language]), name
