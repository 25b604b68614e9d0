"""`scripts/curves.py`: what cannot be traced fails the run in the end, and nothing traced is lost by mistake."""

import json
import runpy
import shutil
import sys

import pytest

from checkout import ROOT
from recipe_kb.memory.stored import unpack
from recipe_kb.tracing import curves
from recipe_kb.tracing.question import traced_versions

MODEL = "all-minilm-l6-v2"
"""The smallest: three traces take seconds."""
CELL = "full/bf16/sdpa/plain"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A knowledge base without traced steps."""
    target = tmp_path / "kb"
    shutil.copytree(ROOT / "kb", target, ignore=shutil.ignore_patterns("evidence", "memory", "recipes", "claims"))
    monkeypatch.setenv("KB_ROOT", str(target))
    return target


def run(monkeypatch, *words):
    """Run the script in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["curves.py", *words])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "scripts" / "curves.py"), run_name="__main__")
    return ended.value.code


def test_a_cell_is_traced_and_kept(root, monkeypatch):
    assert run(monkeypatch, MODEL, "--only", CELL) == 0
    record = json.loads((root / "memory" / f"{MODEL}.json").read_text(encoding="utf-8"))
    assert list(record["steps"]) == [CELL]
    assert record["versions"] == traced_versions()
    kept = json.loads((ROOT / "kb" / "memory" / f"{MODEL}.json").read_text(encoding="utf-8"))["steps"][CELL]
    assert unpack(record["steps"][CELL]).at(4, 64).num_bytes == unpack(kept).at(4, 64).num_bytes


def test_a_failed_cell_fails_the_run_after_all_others(root, monkeypatch, capsys):
    real = curves.step_of

    def failing(model, settings, cell):
        if str(cell) == CELL:
            raise RuntimeError("aten::strange")
        return real(model, settings, cell)

    monkeypatch.setattr(curves, "step_of", failing)
    assert run(monkeypatch, MODEL, "--only", "full/bf16/sdpa") == 1
    assert f"{MODEL} {CELL}: RuntimeError: aten::strange" in capsys.readouterr().err
    record = json.loads((root / "memory" / f"{MODEL}.json").read_text(encoding="utf-8"))
    assert list(record["steps"]) == ["full/bf16/sdpa/checkpointing"]


def test_a_few_cells_do_not_replace_a_file_of_other_versions(root, monkeypatch, capsys):
    path = root / "memory" / f"{MODEL}.json"
    path.parent.mkdir()
    old = {"generated": "", "versions": {"torch": "2.0"}, "steps": {"a": "b"}, "updates": {}, "not": {}}
    path.write_text(json.dumps(old), encoding="utf-8")
    assert run(monkeypatch, MODEL, "gpt2", "--only", CELL) == 2
    assert json.loads(path.read_text(encoding="utf-8")) == old
    assert not (root / "memory" / "gpt2.json").exists()
    said = capsys.readouterr().err
    assert "other package versions" in said
    assert MODEL in said
    assert "gpt2" not in said
