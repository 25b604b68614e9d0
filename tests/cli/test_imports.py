"""Answering must not import what only training needs, nor what only faults need."""

import subprocess
import sys

import pytest

QUESTION = ["recipe", "--gpu", "t4", "--model", "biobert", "--tasks", "8"]
PROBE = """
import contextlib, io, sys
from recipe_kb.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    code = run({argv!r})
{extra}
print(code, *sorted({heavy!r} & {{name.partition(".")[0] for name in sys.modules}}))
"""
HEAVY = {"torch", "transformers", "accelerate", "peft", "numpy"}


def loaded(argv, heavy, extra=""):
    code = PROBE.format(argv=argv, heavy=heavy, extra=extra)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return result.stdout.split()


@pytest.mark.parametrize(
    "argv",
    [
        QUESTION,
        [*QUESTION, "--explain"],
        [*QUESTION, "--format", "yaml"],
        ["recipe", "--gpu", "3070", "--model", "phobert", "--tasks", "5"],
        ["list", "recipes"],
        ["search", "batch"],
        ["check"],
        ["doctor"],
        ["extract", "README.md"],
        ["predict", "t4/biobert/8t-512-full"],
    ],
)
def test_no_command_but_validate_imports_torch(argv):
    assert loaded(argv, HEAVY) == ["0"]


def test_an_exact_answer_imports_neither_pydantic_nor_rich():
    assert loaded(QUESTION, {"pydantic", "rich", "babel"}) == ["0"]


def test_this_test_can_fail():
    assert loaded(QUESTION, HEAVY, extra="import torch") == ["0", "numpy", "torch"]
