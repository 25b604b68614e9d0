"""A stranger's install: the wheel alone, in a clean environment, away from the checkout."""

import json
import os
import subprocess
import sys
import venv
import zipfile

import pytest

from checkout import ROOT

pytestmark = pytest.mark.slow
CELL = ["recipe", "--gpu", "t4", "--model", "biobert", "--tasks", "8"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, cwd=target)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), str(wheel)], check=True, cwd=folder)
    return folder


def run(installed, *words, lang="en"):
    environ = {"PATH": os.environ["PATH"], "HOME": str(installed), "KB_LANG": lang}
    kb = installed / "venv" / "bin" / "kb"
    return subprocess.run([str(kb), *words], capture_output=True, text=True, cwd=installed, env=environ, check=False)


def test_the_wheel_holds_the_data_and_no_code_in_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    data = [name for name in names if name.startswith("recipe_kb/kb/")]
    assert len([name for name in data if name.startswith("recipe_kb/kb/gpus/")]) == 28
    assert not [name for name in data if name.endswith(".py")]
    assert "recipe_kb/locale/vi/LC_MESSAGES/recipe_kb.mo" in names
    assert not [name for name in names if name.startswith("tests")]


def test_a_recipe_without_the_checkout_in_both_languages(installed):
    english = run(installed, *CELL)
    assert english.returncode == 0, english.stderr
    assert "per_device_train_batch_size    32" in english.stdout
    vietnamese = run(installed, *CELL, lang="vi")
    assert "Bộ nhớ" in vietnamese.stdout
    answer = json.loads(run(installed, *CELL, "--json").stdout)
    assert answer["id"] == "t4/biobert/8t-512-full"
    assert run(installed, "check").returncode == 0


def test_the_base_install_is_light_and_says_what_training_needs(installed):
    result = run(installed, "validate", "t4/biobert/8t-512-full")
    assert result.returncode == 3
    assert "pip install 'recipe-kb[probe]'" in result.stderr
    assert not list((installed / "venv").rglob("site-packages/torch"))
