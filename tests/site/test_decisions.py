"""Decisions: in every language a title and an account of their own, and a link from the start page."""

import re

import pytest

from checkout import ROOT
from recipe_kb.site.decisions import decision_problems, decisions, staged_decision
from recipe_kb.site.languages import NAMES, speaking


def test_every_decision_has_an_account_in_vietnamese(place):
    assert len(decisions(place)) > 5
    assert list(decision_problems(place)) == []


@pytest.mark.parametrize("language", NAMES)
def test_the_start_page_links_to_every_decision(language):
    text = (ROOT / "docs" / language / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"\.\./adr/([\w-]+\.md)", text) == sorted(path.name for path in (ROOT / "docs/adr").glob("*.md"))


def test_the_account_comes_first_and_the_text_stays_english(place):
    path = decisions(place)[0]
    with speaking("vi"):
        text = staged_decision(place, path, "vi")
    body = text.partition("\n---\n")[2]
    assert body.startswith("# Bố cục và tên gọi\n")
    assert body.index("định danh") < body.index("tiếng Anh") < body.index('<div lang="en"') < body.index("## Context")
    assert "vi:" not in text.partition("\n---\n")[0]


def test_the_original_is_as_it_was_written(place):
    text = staged_decision(place, decisions(place)[0], "en")
    assert "# 1. Layout and names" in text
    assert "Bố cục" not in text


@pytest.mark.parametrize("meta", ["", "---\nvi: {title: Tên}\n---\n", "---\nvi: {summary: Tóm tắt}\n---\n"])
def test_a_decision_without_an_account_is_a_finding(tiny, meta):
    folder = tiny.docs / "adr"
    folder.mkdir()
    (folder / "0001-x.md").write_text(f"{meta}# 1. X\n\nText.\n", encoding="utf-8")
    (problem,) = decision_problems(tiny)
    assert problem.code == "KB414"
    assert problem.where == "docs/adr/0001-x.md"
    assert "# 1. X" in staged_decision(tiny, folder / "0001-x.md", "vi") or "title" in meta
