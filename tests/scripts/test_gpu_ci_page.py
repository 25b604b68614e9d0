"""The page about regression tests says what the code does: tolerances, outcomes, options, parts."""

import re
from typing import get_args

import pytest
from evidence_parts import PARTS

from checkout import ROOT
from recipe_kb.cli.group import root_group
from recipe_kb.regress.compare import Outcome, Tolerance


@pytest.fixture(params=["en", "vi"])
def page(request):
    return (ROOT / "docs" / request.param / "gpu-ci.md").read_text(encoding="utf-8")


def section(page, name):
    return page.partition(f"{{#{name}}}")[2].partition("\n## ")[0]


def first_cells(text):
    """Return what stands as code in the first cell of each row."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [code for cell in cells for code in re.findall(r"`([^`]+)`", cell)]


def test_the_tolerances_are_those_of_the_comparison(page):
    rows = [line for line in section(page, "regression").splitlines() if line.startswith("|")][2:5]
    found = [name for row in rows for name in re.findall(r"constant\('regress\.(\w+)_tolerance'\)", row)]
    assert found == list(vars(Tolerance()))


def test_the_outcomes_are_those_of_the_comparison(page):
    assert set(first_cells(section(page, "regression"))) == set(get_args(Outcome))


def test_the_options_are_those_of_the_command(page):
    known = {name for option in root_group().get_command(None, "validate").params for name in option.opts}
    shown = {word for cell in first_cells(section(page, "command")) for word in cell.split() if word.startswith("--")}
    assert len(shown) > 5
    assert shown <= known


def test_the_options_of_the_plugin_are_all_there(page, pytestconfig):
    known = {
        name
        for group in pytestconfig._parser._groups
        if group.name == "recipe-kb"
        for option in group.options
        for name in option.names()
    }
    shown = {word for cell in first_cells(section(page, "pytest")) for word in cell.split() if word.startswith("--")}
    assert shown == known


def test_the_words_that_a_test_may_use_are_all_there(page, pytestconfig):
    from recipe_kb.pytest_plugin.wish import _asked

    (line,) = [line for line in section(page, "pytest").splitlines() if "`kb_recipe.validate()`" in line]
    assert set(re.findall(r"`(\w+)`", line)) == set(_asked(pytestconfig, {}))


def test_the_parts_are_those_of_the_script_in_its_order(page):
    assert first_cells(section(page, "evidence")) == list(PARTS)
