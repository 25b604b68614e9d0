"""Every start of pytest pays for the plugin, in every project: it must cost next to nothing."""

import subprocess
import sys

START = """
import sys
import pytest
before = set(sys.modules)
{extra}
import recipe_kb.pytest_plugin
print(*sorted(set(sys.modules) - before))
"""


def loaded(extra=""):
    code = START.format(extra=extra)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_it_imports_nothing_but_itself():
    assert loaded() == ["recipe_kb", "recipe_kb.pytest_plugin"]


def test_this_test_can_fail():
    assert "click" in loaded(extra="import click")


def test_a_run_without_recipes_imports_no_more(tmp_path):
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass\n", encoding="utf-8")
    code = "import sys, pytest; pytest.main(['-q', '-p', 'no:cacheprovider']); print('loaded', *sys.modules)"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    modules = result.stdout.splitlines()[-1].split()
    assert {name for name in modules if name.startswith("recipe_kb")} == {"recipe_kb", "recipe_kb.pytest_plugin"}
    assert "click" not in modules
