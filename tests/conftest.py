"""What all tests share: the checkout's knowledge base, copies of it to break, `kb` as a process."""

import os
import shutil
import subprocess

import pytest

from checkout import KB, ROOT
from recipe_kb import i18n
from recipe_kb.store.store import Store


@pytest.fixture(autouse=True)
def english(monkeypatch):
    """Messages are compared in English unless a test says otherwise; no variable of the caller leaks in."""
    for name in ("KB_ROOT", "KB_LANG", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    i18n.activate("en")
    yield
    i18n.activate("en")


@pytest.fixture(scope="session")
def store():
    return Store(ROOT / "kb")


@pytest.fixture
def broken_kb(tmp_path):
    """A copy of the knowledge base that a test may break; without evidence, so that what a test records is all."""
    root = tmp_path / "kb"
    shutil.copytree(ROOT / "kb", root, ignore=shutil.ignore_patterns("evidence"))
    return root


@pytest.fixture
def small_kb(broken_kb):
    """With the recipes of one card and network only: a check replays the training steps of each recipe."""
    for path in (broken_kb / "recipes").glob("*/*/*.yaml"):
        if path.parts[-3:-1] != ("t4", "biobert"):
            path.unlink()
    return broken_kb


@pytest.fixture
def kb(tmp_path):
    """Run `kb` as a process, away from the checkout."""

    def run(*words, lang="en", root=None, cwd=None, timeout=300, env=None):
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("KB_", "LC_", "LANG"))}
        environ |= {"KB_LANG": lang, **(env or {})}
        if root:
            environ["KB_ROOT"] = str(root)
        return subprocess.run(
            [str(KB), *map(str, words)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environ,
            cwd=cwd or tmp_path,
            timeout=timeout,
            check=False,
        )

    return run
