"""`kb validate` as a regression test: chosen recipes, evidence that answers already, baselines, JUnit, played cards."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from recipe_kb.cli.machine import inspect_machine
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store

RECIPE = "t4/all-minilm-l6-v2/2t-64-full"
QUICK = ("--device", "cpu", "--steps", "8")


@pytest.mark.slow
def test_a_baseline_is_missing_then_found_and_resuming_leaves_it_out(kb, broken_kb, tmp_path):
    report = tmp_path / "report.xml"
    words = ("validate", RECIPE, *QUICK, "--baseline", "--record", "--junit", str(report))
    first = kb(*words, root=broken_kb)
    assert first.returncode == 3  # no baseline is no pass
    assert "KB321" in first.stderr
    (case,) = ET.parse(report).getroot().iter("testcase")  # noqa: S314 - our own file
    assert (case.get("classname"), case.get("name")) == ("t4.all-minilm-l6-v2", "2t-64-full")
    assert case.find("error").get("type") == "no_baseline"

    second = kb(*words, "--json", root=broken_kb)
    (found,) = json.loads(second.stdout)["results"]
    assert found["baseline"]["outcome"] in {"same", "improved", "regression"}  # another process may slow a CPU down
    assert second.returncode == (1 if found["baseline"]["outcome"] == "regression" else 0)
    assert {"throughput", "samples_per_s"} & {metric["name"] for metric in found["baseline"]["metrics"]}

    resumed = kb("validate", RECIPE, *QUICK, "--resume", "--json", root=broken_kb)
    assert resumed.returncode == 0
    (left_out,) = json.loads(resumed.stdout)["results"]
    assert left_out["skipped"].endswith(".json")
    assert "verdict" not in left_out


@pytest.mark.slow
def test_resuming_does_not_take_evidence_of_other_settings(kb, broken_kb):
    recorded = kb("validate", RECIPE, *QUICK, "--record", "--json", root=broken_kb)
    path = Path(json.loads(recorded.stdout)["results"][0]["evidence"])
    evidence = json.loads(path.read_text(encoding="utf-8"))
    evidence["fingerprint"]["recipe_sha256"] = "0" * 64
    path.write_text(json.dumps(evidence), encoding="utf-8")
    resumed = kb("validate", RECIPE, *QUICK, "--resume", "--json", root=broken_kb)
    (found,) = json.loads(resumed.stdout)["results"]
    assert found["verdict"] == "passed"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((RECIPE, "--as-gpu", "t4", "--device", "cpu"), "KB207"),
        ((RECIPE, "--at-prediction", "--device", "cpu"), "KB207"),
        ((RECIPE, "--as-gpu", "a100-40gb"), "KB218"),
        ((RECIPE, "--as-gpu", "t44"), "KB201"),
        ((RECIPE, "--gpu", "t4"), "KB207"),
        ((RECIPE, "--touched-by", "HEAD"), "KB207"),
        (("--all", "--touched-by", "no-such-revision"), "KB220"),
        (("--all", "--gpu", "t44"), "KB201"),
    ],
)
@pytest.mark.parametrize("language", ["en", "vi"])
def test_contradictions_are_refused_before_anything_is_trained(kb, words, code, language):
    result = kb("validate", *words, lang=language)
    assert result.returncode == 2
    assert result.stderr.startswith(code) or f" {code} " in result.stderr
    assert "Training" not in result.stderr


def test_a_gpu_that_is_not_here_is_exit_3(kb):
    if inspect_machine(Store(default_root())).devices:
        pytest.skip("this machine has a GPU")
    for words in (("--all", "--gpu", "auto"), (RECIPE, "--device", "cuda", "--as-gpu", "t4")):
        result = kb("validate", *words)
        assert result.returncode == 3
        assert "KB302" in result.stderr
    played = kb("validate", RECIPE, "--as-gpu", "t4", "--json")
    (found,) = json.loads(played.stdout)["results"]
    assert (played.returncode, found["verdict"]) == (3, "unsupported")
