"""The page of commands names every key that a command prints as JSON."""

import json
import re

import pytest

from checkout import ROOT
from recipe_kb.cli.group import COMMANDS

RECIPE = "t4/biobert/8t-512-full"
EXAMPLES = {
    "check": (),
    "diff": (RECIPE, "t4/biobert/8t-256-full"),
    "doctor": (),
    "export": (RECIPE, "--format", "args"),
    "extract": ("docs/en/review.md",),
    "lint": ("docs/en/review.md",),
    "list": ("recipes", "--gpu", "t4"),
    "plan": (RECIPE, "--max-steps", "1000"),
    "predict": (RECIPE,),
    "recipe": ("--gpu", "t4", "--model", "biobert", "--tasks", "8"),
    "search": ("ti", "le", "hoc"),
    "show": ("t4",),
    "tune": ("--gpu", "t4", "--model", "biobert"),
}
NOT_RUN = {"site", "validate"}
"""They build or train, which takes long; tests of their own hold their JSON."""


def section(language, name):
    page = (ROOT / "docs" / language / "commands.md").read_text(encoding="utf-8")
    return re.search(rf"^## kb {name} .*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[0]


def test_every_command_is_asked():
    assert {*EXAMPLES, *NOT_RUN} == set(COMMANDS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_key_is_on_the_page_in_both_languages(kb, name):
    result = kb(name, *EXAMPLES[name], "--json", cwd=ROOT)
    assert result.returncode in {0, 1}, result.stderr
    printed = json.loads(result.stdout)
    for language in ("en", "vi"):
        words = section(language, name)
        assert f"`{printed['schema']}`" in words
        keys = set(printed) - {"schema", *(("gpus", "models", "recipes", "claims", "guides") if name == "list" else ())}
        assert keys == {key for key in keys if f"`{key}`" in words}
