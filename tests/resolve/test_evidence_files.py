"""Evidence is checked as all data: a fault is named with its file, and a newer format says what to do about it."""

import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout import ROOT
from recipe_kb.resolve.evidence_files import evidence_files, evidence_problems
from recipe_kb.store.store import Store

PLACE = "t4/biobert/8t-512-full"
RECORD = {
    "schema": "kb-evidence/1",
    "recipe": PLACE,
    "started": "2026-11-22T10:00:00+00:00",
    "mode": "cpu",
    "gpu_name": None,
    "verdict": "passed",
    "reason": None,
    "confirmed": ["trains"],
    "needs_gpu": ["memory"],
    "deviations": [],
    "measured": None,
    "fingerprint": {"recipe_sha256": "0" * 64},
}


def kept(root, content, place=PLACE):
    """Return a store whose only file is this evidence."""
    shutil.rmtree(root / "evidence", ignore_errors=True)
    path = root / "evidence" / place / "2026-11-22-cpu.json"
    path.parent.mkdir(parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return Store(root)


def test_all_evidence_of_the_checkout_is_found_and_good(store):
    recorded = set((ROOT / "kb" / "evidence").glob("*/*/*/*.json"))
    assert set(evidence_files(store)) == recorded
    assert recorded
    assert evidence_problems(store) == []


def test_good_evidence_has_no_problem(tmp_path):
    store = kept(tmp_path, RECORD)
    assert evidence_problems(store) == []
    assert len(evidence_files(store)) == 1


def test_a_memory_grid_is_no_evidence_of_a_recipe(tmp_path):
    store = kept(tmp_path, RECORD)
    (tmp_path / "evidence" / "memory-grid-h200.json").write_text("{}", encoding="utf-8")
    assert len(evidence_files(store)) == 1
    assert evidence_problems(store) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not valid evidence"),
        ("[]", "is not valid evidence"),
        ("[" * 100_000, "is not valid evidence"),
        ({**RECORD, "schema": "kb-evidence/0"}, "is not valid evidence"),
        ({**RECORD, "schema": 2}, "is not valid evidence"),
        ({**RECORD, "schema": "kb-evidence/" + "9" * 5000}, "is not valid evidence"),
        ({**RECORD, "schema": "kb-plan/2"}, "is not valid evidence"),
        ({**RECORD, "verdict": "fine"}, "is not valid evidence"),
        ({**RECORD, "surprise": 1}, "is not valid evidence"),
        ({**RECORD, "recipe": "t4/scibert/8t-512-full"}, f"lies in the folder of {PLACE} but is about t4/scibert/8t"),
    ],
)
def test_each_fault_is_named_in_its_file(tmp_path, content, words):
    (only,) = evidence_problems(kept(tmp_path, content))
    assert (only.code, only.next_command) == ("KB115", "kb check")
    assert words in only.what
    assert only.where.endswith(f"evidence/{PLACE}/2026-11-22-cpu.json")


def test_a_folder_that_is_no_recipe_is_named(tmp_path):
    (only,) = evidence_problems(kept(tmp_path, {**RECORD, "recipe": "t4/notes"}, place="t4/notes"))
    assert "lies in the folder of t4/notes" in only.what


@given(number=st.integers(2, 10**9 - 1))
def test_evidence_of_a_newer_version_says_to_upgrade_whatever_it_holds(tmp_path_factory, number):
    newer = {"schema": f"kb-evidence/{number}", "what": "nobody knows yet"}
    (only,) = evidence_problems(kept(tmp_path_factory.getbasetemp() / "newer", newer))
    said = f"was written by a newer recipe-kb (schema kb-evidence/{number}; this one reads kb-evidence/1)"
    assert (only.code, only.what, only.next_command) == ("KB115", said, "pip install --upgrade recipe-kb")
