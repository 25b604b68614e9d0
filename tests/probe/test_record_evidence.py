"""Evidence on disk: whole or not at all, and never one over another."""

import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from recipe_kb.errors import CannotHereError, Exit
from recipe_kb.probe.record import gpu_slug, record
from recipe_kb.schema.evidence import Deviation, Evidence

SRC = Path(__file__).parents[2] / "src"


def evidence(**changes):
    values = {
        "schema": "kb-evidence/1",
        "recipe": "t4/biobert/8t-512-full",
        "started": "2026-11-22T10:00:00+00:00",
        "mode": "cpu",
        "gpu_name": None,
        "verdict": "passed",
        "reason": None,
        "confirmed": ("trains",),
        "needs_gpu": ("memory",),
        "deviations": (Deviation(setting="max_length", recipe=512, probe=64, why="shorter-on-cpu"),),
        "measured": None,
        "fingerprint": {"recipe_sha256": "0" * 64},
    }
    return Evidence.model_validate(values | changes)


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_the_path_says_recipe_day_and_device(tmp_path):
    path = record(evidence(), tmp_path)
    assert path == tmp_path / "evidence/t4/biobert/8t-512-full/2026-11-22-cpu.json"
    assert json.loads(path.read_text(encoding="utf-8"))["schema"] == "kb-evidence/1"
    assert Evidence.model_validate_json(path.read_text(encoding="utf-8")) == evidence()
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_gpu_is_named(tmp_path):
    path = record(evidence(mode="native", gpu_name="NVIDIA H100 80GB HBM3"), tmp_path)
    assert path.name == "2026-11-22-h100-80gb-hbm3-native.json"


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Tesla T4", "t4"), ("NVIDIA GeForce RTX 3070", "rtx-3070"), ("NVIDIA A100-SXM4-40GB", "a100-sxm4-40gb")],
)
def test_gpu_slug(name, slug):
    assert gpu_slug(name) == slug


def test_a_second_probe_of_the_day_gets_a_number(tmp_path):
    names = [record(evidence(reason=str(number)), tmp_path).name for number in range(3)]
    assert names == ["2026-11-22-cpu.json", "2026-11-22-cpu-2.json", "2026-11-22-cpu-3.json"]
    assert files_in(tmp_path) == sorted(names)


def record_many(root, count):
    return [record(evidence(), root).name for _ in range(count)]


def test_two_processes_at_once_never_overwrite_each_other(tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        both = [name for names in pool.map(record_many, [tmp_path] * 2, [20] * 2) for name in names]
    assert len(set(both)) == 40
    assert files_in(tmp_path) == sorted(both)
    for path in tmp_path.rglob("*.json"):
        assert Evidence.model_validate_json(path.read_text(encoding="utf-8")) == evidence()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "evidence").write_text("a file is in the way")
    with pytest.raises(CannotHereError, match="KB310") as caught:
        record(evidence(), tmp_path)
    assert caught.value.exit_code == Exit.CANNOT_HERE
    assert "8t-512-full" in caught.value.problems[0].where


def test_several_gpus_are_counted_in_the_name(tmp_path):
    several = {"mode": "native", "gpu_name": "Tesla T4", "num_gpus": 2}
    names = [record(evidence(**several, parallel=parallel), tmp_path).name for parallel in ("ddp", "fsdp")]
    assert names == ["2026-11-22-2x-t4-native.json", "2026-11-22-2x-fsdp-t4-native.json"]


KILLED_WHILE_WRITING = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_record_evidence import evidence
from recipe_kb.probe import record
if sys.argv[3] == "hidden":
    del os.O_TMPFILE
os.fsync = lambda _descriptor: os.kill(os.getpid(), 9)
record.record(evidence(), Path(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="nameless files are Linux' own")
@pytest.mark.parametrize(("way", "num_left"), [("nameless", 0), ("hidden", 1)])
def test_who_is_killed_while_writing_leaves_nothing(tmp_path, way, num_left):
    """The other way leaves a hidden file: that shows that the kill came in the middle."""
    command = [sys.executable, "-c", KILLED_WHILE_WRITING, str(tmp_path), str(Path(__file__).parent), way]
    assert subprocess.run(command, env={"PYTHONPATH": str(SRC)}, check=False).returncode == -9
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == num_left


def test_a_system_without_nameless_files_writes_the_same(tmp_path, monkeypatch):
    first = record(evidence(), tmp_path)
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    second = record(evidence(), tmp_path)
    assert second.name == "2026-11-22-cpu-2.json"
    assert second.read_text() == first.read_text()
    assert second.stat().st_mode == first.stat().st_mode
    assert first.stat().st_nlink == second.stat().st_nlink == 1


def no_links(*_arguments, **_options):
    raise PermissionError("Operation not permitted")  # what FUSE and exFAT say


def test_a_file_system_without_hard_links_keeps_evidence_too(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)
    paths = [record(evidence(reason=str(number)), tmp_path) for number in range(3)]
    assert [path.name for path in paths] == ["2026-11-22-cpu.json", "2026-11-22-cpu-2.json", "2026-11-22-cpu-3.json"]
    assert [Evidence.model_validate_json(path.read_text()).reason for path in paths] == ["0", "1", "2"]
    assert files_in(tmp_path) == sorted(path.name for path in paths)


def test_a_name_that_is_being_given_is_not_given_twice(tmp_path, monkeypatch):
    """Whoever was killed in the middle has left a claim: the name stays free, and the next one is taken."""
    monkeypatch.setattr(os, "link", no_links)
    folder = record(evidence(), tmp_path).parent
    (folder / "2026-11-22-cpu.json").rename(folder / ".2026-11-22-cpu.json.claim")
    assert record(evidence(), tmp_path).name == "2026-11-22-cpu-2.json"


def record_without_links(root, count):
    os.link = no_links
    return record_many(root, count)


def test_two_processes_without_hard_links_never_overwrite_each_other(tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        both = [name for names in pool.map(record_without_links, [tmp_path] * 2, [20] * 2) for name in names]
    assert len(set(both)) == 40
    assert files_in(tmp_path) == sorted(both)


@pytest.mark.parametrize("stage", ["fsync", "open", "replace"])
def test_who_is_killed_without_hard_links_leaves_no_half_of_a_file(tmp_path, stage):
    code = (
        "import os, sys\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[2])\n"
        "from test_record_evidence import evidence, no_links\nfrom recipe_kb.probe import record\nos.link = no_links\n"
        "die = lambda *_a, **_k: os.kill(os.getpid(), 9)\n"
        "if sys.argv[3] == 'fsync': os.fsync = die\n"
        "elif sys.argv[3] == 'replace': Path.replace = die\n"
        "else:\n"
        "    before = os.open\n"
        "    os.open = lambda path, *a, **k: die() if str(path).endswith('.claim') else before(path, *a, **k)\n"
        "record.record(evidence(), Path(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent), stage]
    assert subprocess.run(command, env={"PYTHONPATH": str(SRC)}, check=False).returncode == -9
    assert [name for name in files_in(tmp_path) if not name.startswith(".")] == []


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_a_write_that_fails_leaves_nothing(tmp_path):
    """A file size limit is a full disk that a test can make."""
    code = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_record_evidence import evidence
from recipe_kb.errors import CannotHereError
from recipe_kb.probe.record import record
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    record(evidence(), Path(sys.argv[1]))
except CannotHereError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)]
    said = subprocess.check_output(command, text=True, env={"PYTHONPATH": str(SRC)})
    assert "KB310" in said
    assert "File too large" in said
    assert files_in(tmp_path) == []
