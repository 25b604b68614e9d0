"""What people mistype: the exit code, the nearest name, the next command, never a traceback."""

from pathlib import Path

import pytest

from recipe_kb.cli import group
from recipe_kb.cli.main import run

CELL = ("recipe", "--gpu", "t4", "--model", "biobert")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ("recipe", "--gpu", "t44", "--model", "biobert"),
            2,
            "KB201 Unknown GPU 't44'. Did you mean t4? -> kb list gpus",
        ),
        (
            ("recipe", "--gpu", "a100", "--model", "biobert"),
            2,
            "KB222 a100 is the name of 2 cards",
        ),
        (("list", "recipes", "--status", "bogus"), 2, "'bogus' is not one of"),
        (("recipe", "--gpu", "t4", "--model", "bioberrt"), 2, "Did you mean biobert"),
        (("recipe", "--gpu", "t4", "--model", "zzzzz"), 2, "KB202 Unknown model 'zzzzz'. -> kb list models"),
        ((*CELL, "--goal", "best"), 2, "'best' is not one of 'quality', 'balanced', 'speed'"),
        ((*CELL, "--tasks", "0"), 2, "0 is not in the range 1<=x<=64"),
        ((*CELL, "--tasks", "-1"), 2, "-1 is not in the range"),
        ((*CELL, "--tasks", "1000000000"), 2, "1000000000 is not in the range"),
        ((*CELL, "--tasks", "eight"), 2, "'eight' is not a valid integer"),
        ((*CELL, "--max-length", "513"), 2, "KB204 biobert takes at most 512 tokens"),
        ((*CELL, "--gup", "t4"), 2, "--gpu"),
        (("recipe", "--model", "biobert"), 2, "KB207"),
        (("recipe", "--gpu", "t4"), 2, "--model"),
        (("recpie",), 2, "Did you mean recipe?"),
        (("show", "sqrt-adm"), 2, "Did you mean sqrt-adam"),
        (("show", "t4/biobert/8t-512-ful"), 2, "KB208"),
        (("show", "../../etc/passwd"), 2, "KB20"),
        (("show", "t4/biobert/65t-512-full"), 2, "KB208"),
        (("plan", "t4/biobert/8t-512-full", "--max-steps", "0"), 2, "--max-steps"),
        (("diff", "t4/biobert/8t-512-full"), 2, "kb diff --help"),
        (("validate",), 2, "KB207"),
        (("validate", "t4/nope/8t-512-full"), 2, "KB202"),
        (("validate", "a100-40gb/llama-3.2-3b/1t-512-full"), 1, "KB211"),
        (("search", "xyzzyx"), 1, "Nothing found"),
        (("recipe", "--gpu", "t4", "--model", "qwen2.5-7b"), 1, "KB210 Nothing fits"),
        (("recipe", "--lang", "fr", "--gpu", "t4", "--model", "biobert"), 2, "'fr' is not one of 'en', 'vi'"),
    ],
)
def test_mistakes_are_named(kb, words, code, said):
    result = kb(*words)
    assert result.returncode == code, result
    assert said in result.stderr
    assert "->" in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("recipe", "--gpu", "t44", "--model", "biobert"),
        (*CELL, "--tasks", "0"),
        (*CELL, "--goal", "best"),
        ("recpie",),
        ("show", "nope"),
        ("recipe", "--gpu", "t4", "--model", "qwen2.5-7b"),
        ("validate",),
    ],
)
def test_mistakes_are_named_in_vietnamese(kb, words):
    english, vietnamese = kb(*words), kb(*words, lang="vi")
    assert vietnamese.returncode == english.returncode
    assert vietnamese.stderr.split()[0] == english.stderr.split()[0]  # the code is the same
    assert vietnamese.stderr != english.stderr
    assert any(ord(char) > 127 for char in vietnamese.stderr)


def test_no_gpu_here_is_said_so(kb):
    result = kb("recipe", "--gpu", "auto", "--model", "biobert", env={"CUDA_VISIBLE_DEVICES": ""})
    if result.returncode == 0:
        pytest.skip("this machine has a GPU")
    assert result.returncode == 3
    assert "KB302" in result.stderr or "KB303" in result.stderr


def test_without_torch_validate_names_the_install_command(kb, tmp_path):
    hidden = tmp_path / "site"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n"
        "            raise ModuleNotFoundError(name)\n"
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'torch' else real(name, *rest)\n"
        "sys.meta_path.insert(0, Hide())\n",
        encoding="utf-8",
    )
    result = kb("validate", "t4/biobert/8t-512-full", env={"PYTHONPATH": str(hidden)})
    assert result.returncode == 3
    assert "KB301" in result.stderr
    assert "pip install 'recipe-kb[probe]'" in result.stderr


def test_a_root_without_data_is_named(kb, tmp_path):
    result = kb("list", "gpus", root=tmp_path / "nowhere")
    assert result.returncode == 2
    assert "nowhere: KB212" in result.stderr


def test_broken_evidence_is_named(kb, broken_kb):
    folder = broken_kb / "evidence" / "t4" / "biobert" / "8t-512-full"
    folder.mkdir(parents=True)
    (folder / "2026-01-01-cpu.json").write_text("[]", encoding="utf-8")
    for words in ((*CELL, "--tasks", "8"), ("check",)):
        result = kb(*words, root=broken_kb)
        assert result.returncode == 2
        assert "2026-01-01-cpu.json: KB115" in result.stderr


def test_an_unforeseen_error_is_a_bug_of_ours_with_a_log(monkeypatch, capsys):
    monkeypatch.setitem(group.COMMANDS, "plan", "recipe_kb.no_such_module")
    assert run(["plan", "x", "--max-steps", "1"]) == 70
    error = capsys.readouterr().err
    assert "KB900" in error
    assert "Traceback" not in error
    log = Path(error.split(" in ")[1].split("; ")[0])
    assert "no_such_module" in log.read_text(encoding="utf-8")
    log.unlink()
