"""`kb check` lists evidence that is worth a new run, and is as content as without it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from recipe_kb.cli.main import run
from recipe_kb.probe.record import record
from recipe_kb.store.store import Store
from recorded import on_gpu


@pytest.fixture
def with_evidence(small_kb, monkeypatch):
    """A knowledge base with evidence of ten days ago, one record of it made with an older major version."""
    started = (datetime.now(UTC) - timedelta(days=10)).isoformat(timespec="seconds")
    record(on_gpu(started=started), small_kb)
    record(on_gpu(started=started, recipe="t4/scibert/8t-512-full", fingerprint={"torch": "1.13.1"}), small_kb)
    monkeypatch.setenv("KB_ROOT", str(small_kb))
    return Store(small_kb)


def test_ages_are_notes_after_the_result(with_evidence, capsys):
    assert run(["check"]) == 0
    said = capsys.readouterr().out
    assert "No problems.\n\n1 record is worth a new run\n" in said
    assert said.endswith("-t4-native.json: torch 1.13.1, memory is traced with 2.13.0\n")
    assert "days old" not in said
    assert run(["check", "--max-age", "9"]) == 0
    said = capsys.readouterr().out
    assert "2 records are worth a new run" in said
    assert "10 days old; torch 1.13.1, memory is traced with 2.13.0" in said
    assert "t4/scibert/8t-512-full/" in said


def test_ages_in_json(with_evidence, capsys):
    assert run(["check", "--max-age", "9", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["problems"] == []
    first, second = document["aged"]
    assert (first["recipe"], first["age_days"], first["too_old"], first["versions"]) == (
        "t4/biobert/8t-512-full",
        10,
        True,
        {},
    )
    assert second["versions"] == {"torch": {"then": "1.13.1", "now": "2.13.0"}}
    assert second["evidence"].endswith("-t4-native.json")


def test_with_problems_the_problems_are_what_is_said(with_evidence, capsys):
    (with_evidence.root / "stray.json").write_text("{}", encoding="utf-8")
    assert run(["check"]) == 2
    captured = capsys.readouterr()
    assert "KB108" in captured.err
    assert "worth a new run" not in captured.out + captured.err
    assert run(["check", "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["aged"]) == 1


def test_young_evidence_says_nothing(with_evidence, capsys):
    for path in with_evidence.root.glob("evidence/t4/scibert/*/*.json"):
        path.unlink()
    assert run(["check"]) == 0
    assert capsys.readouterr().out.endswith("No problems.\n")


@pytest.mark.parametrize("days", ["-1", "soon", "99999999"])
def test_an_age_must_be_a_number_of_days(days, capsys):
    assert run(["check", "--max-age", days]) == 2
    assert "--max-age" in capsys.readouterr().err
