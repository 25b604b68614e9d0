"""`kb validate --shard`: what is typed wrongly, and the Slurm array of the page run without Slurm."""

import json
import os
import re
import subprocess
import sys

import pytest

from checkout import ROOT
from recipe_kb.cli.group import Session
from recipe_kb.cli.validate_choice import chosen

STUB = """#!{python}
import json, os, pathlib, sys
log = pathlib.Path({log!r})
log.joinpath(f"{{os.getpid()}}.json").write_text(json.dumps(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--all", "--shard", "0/8"), "KB207 '0/8' is no shard; expected I/N with I from 1 to N, for example 1/8."),
        (("--all", "--shard", "half"), "KB207 'half' is no shard"),
        (("t4/biobert/8t-512-full", "--shard", "1/2"), "KB207 --shard shares out all recipes; it goes with --all."),
        (("--all", "--address", "head:6379"), "KB207 --address and --resource are of a cluster"),
        (("--all", "--resource", "lab"), "KB207 --address and --resource are of a cluster"),
        (("--all", "--engine", "ray", "--address", "ray://head:10001"), "KB207 ray://head:10001 is no address"),
    ],
)
def test_what_is_typed_wrongly_is_said(kb, words, said):
    result = kb("validate", *words)
    assert result.returncode == 2
    assert said in result.stderr
    assert " -> kb validate --all" in result.stderr


def script(language):
    page = (ROOT / "docs" / language / "fleet.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```bash\n(#!/bin/bash\n#SBATCH.*?)```", page, re.DOTALL)
    return found


@pytest.mark.parametrize("language", ["en", "vi"])
def test_the_array_of_the_page_trains_every_recipe_once(store, tmp_path, language):
    log, folder = tmp_path / "log", tmp_path / "bin"
    log.mkdir()
    folder.mkdir()
    stub = folder / "kb"
    stub.write_text(STUB.format(python=sys.executable, log=str(log)), encoding="utf-8")
    stub.chmod(0o755)
    (first, last) = map(int, re.search(r"#SBATCH --array=(\d+)-(\d+)", script(language)).groups())
    assert first == 1
    for task in range(first, last + 1):
        environ = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": str(task)}
        environ |= {"SLURM_ARRAY_TASK_COUNT": str(last), "SLURM_SUBMIT_DIR": str(tmp_path)}
        subprocess.run(["bash", "-c", script(language)], env=environ, cwd=tmp_path, check=True, timeout=60)
    called = [json.loads(path.read_text(encoding="utf-8")) for path in log.iterdir()]
    assert len(called) == last
    from recipe_kb.fleet.shard import Shard

    trained = []
    session = Session(store=store, language="en")
    for words in called:
        assert words[0] == "validate"
        assert {"--all", "--record", "--resume"} <= set(words)
        shard = Shard.parse(words[words.index("--shard") + 1])
        gpu = words[words.index("--gpu") + 1]
        trained += [answer.recipe_id for answer in everything(session, gpu) if shard.holds(answer.recipe_id)]
    assert sorted(trained) == sorted(answer.recipe_id for answer in everything(session, gpu))


def everything(session, gpu):
    return chosen(session, (), everything=True, gpu=gpu, as_gpu=None, touched_by=None)


def test_an_empty_shard_is_no_error(kb, small_kb):
    for path in list((small_kb / "recipes").glob("*/*/*.yaml"))[1:]:
        path.unlink()
    results = [
        kb("validate", "--all", "--shard", f"{number}/50", "--device", "cpu", "--gpu", "l4", root=small_kb)
        for number in (1, 50)
    ]
    assert [result.returncode for result in results] == [0, 0]
    assert all("No recipe to train" in result.stderr for result in results)
