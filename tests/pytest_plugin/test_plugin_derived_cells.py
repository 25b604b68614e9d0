"""Cells without a file that were probed before are chosen with the recipes of their card."""

import pytest

from recipe_kb.cli.group import Session
from recipe_kb.pytest_plugin.choice import _matching, _of_the_gpu
from recipe_kb.store.store import Store

DERIVED = "t4/biobert/9t-512-full"


@pytest.fixture
def probed(store, tmp_path):
    for path in store.root.iterdir():
        if path.name != "evidence":
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / "evidence" / DERIVED).mkdir(parents=True)
    (tmp_path / "evidence" / DERIVED / "2026-11-30-t4-native.json").write_text("{}")
    return Store(tmp_path)


def test_a_glob_and_the_card_choose_them(probed, store):
    session = Session(store=probed, language="en", quiet=True)
    assert _matching(session, ["t4/biobert/9t-*"]) == [DERIVED]
    assert _of_the_gpu(probed, "t4")[-1] == DERIVED
    assert DERIVED not in _of_the_gpu(store, "t4")
