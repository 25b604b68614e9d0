"""The report as other programs read it: parsed with the standard library, against the shape GitLab and Jenkins know."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout import ROOT
from recipe_kb.errors import CannotHereError, Exit
from recipe_kb.regress import junit
from recipe_kb.regress.compare import compare
from recipe_kb.regress.junit import require_junit, write_junit
from recorded import RECIPE, on_cpu, on_gpu

OUTCOMES = {
    "same": (compare([on_gpu()], [on_gpu()]), None),
    "improved": (compare([on_gpu({"samples_per_s": 80.0})], [on_gpu()]), None),
    "regression": (compare([on_gpu({"samples_per_s": 32.0})], [on_gpu()]), "failure"),
    "failed": (compare([on_gpu(verdict="oom", reason="out of memory: CUDA")], []), "failure"),
    "not_comparable": (compare([on_gpu(fingerprint={"torch": "2.14.0"})], [on_gpu()]), "skipped"),
    "no_baseline": (compare([on_gpu()], []), "error"),
}


def report_of(path, results, seconds=12.5):
    """Write, read back, and hold the result to what readers of JUnit take for granted."""
    write_junit(path, results, seconds=seconds)
    root = ET.parse(path).getroot()  # noqa: S314 - our own file
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.tag == "testsuite"
    cases = suite.findall("testcase")
    for element in (root, suite):
        assert int(element.get("tests")) == len(cases) == len(results)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(name)) == len(suite.findall(f"testcase/{tag}"))
        assert float(element.get("time")) == seconds
        assert element.get("name") == "kb validate"
    for case in cases:
        assert case.get("name")
        assert case.get("classname")
        assert float(case.get("time")) >= 0
        (properties,) = case.findall("properties")
        assert all(one.get("name") and one.get("value") is not None for one in properties)
        findings = [child for child in case if child.tag != "properties"]
        assert len(findings) <= 1
        assert all(finding.get("message") and finding.get("type") for finding in findings)
    return cases


def properties_of(case):
    return {one.get("name"): one.get("value") for one in case.find("properties")}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_outcome_becomes_what_it_is(tmp_path, outcome):
    comparison, tag = OUTCOMES[outcome]
    assert comparison.outcome == outcome
    (case,) = report_of(tmp_path / "report.xml", [(comparison.run, None, comparison)])
    findings = [child.tag for child in case if child.tag != "properties"]
    assert findings == ([tag] if tag else [])
    if tag:
        assert case.find(tag).get("type") == outcome


def test_a_case_names_the_recipe_and_its_figures(tmp_path):
    comparison = OUTCOMES["regression"][0]
    path = Path("kb/evidence/t4/biobert/8t-512-full/2026-11-22-t4-native.json")
    (case,) = report_of(tmp_path / "report.xml", [(comparison.run, path, comparison)])
    assert (case.get("classname"), case.get("name"), float(case.get("time"))) == ("t4.biobert", "8t-512-full", 20.0)
    assert properties_of(case) == {
        "recipe": RECIPE,
        "mode": "native",
        "gpu": "Tesla T4",
        "torch": "2.13.0",
        "transformers": "5.23.0",
        "peak_reserved_bytes": str(4 * 2**30),
        "samples_per_s": "32.0",
        "evidence": path.as_posix(),
    }
    failure = case.find("failure")
    assert failure.get("message") == "worse than before: samples per second 64.000 -> 32.000 (-50.0%)"
    assert "samples per second  64.000 -> 32.000 (-50.0%)  worse; the limit is -10%" in failure.text.splitlines()
    assert "peak memory reserved  4.00 GiB -> 4.00 GiB (+0.0%)  within limits" in failure.text.splitlines()


def test_the_figures_are_medians_of_the_repeats_as_in_the_comparison(tmp_path):
    runs = [on_gpu({"samples_per_s": rate}) for rate in (60.0, 64.0, 70.0)]
    (case,) = report_of(tmp_path / "report.xml", [(runs[0], None, compare(runs, [on_gpu()]))])
    assert (properties_of(case)["samples_per_s"], float(case.get("time"))) == ("64.0", 60.0)
    (alone,) = report_of(tmp_path / "report.xml", [(runs[0], None, compare(runs, []))])
    assert properties_of(alone)["samples_per_s"] == "60.0"


def test_what_is_no_pass_says_what_to_do(tmp_path):
    results = [(one.run, None, one) for one in (OUTCOMES["no_baseline"][0], OUTCOMES["not_comparable"][0])]
    missing, other = report_of(tmp_path / "report.xml", results)
    assert missing.find("error").text.splitlines()[-1] == f"-> kb validate {RECIPE} --record"
    assert "torch  2.13.0 -> 2.14.0  differs" in other.find("skipped").text.splitlines()
    assert other.find("skipped").get("message") == "not comparable with what is on record: torch"


@pytest.mark.parametrize(
    ("verdict", "tag"), [("passed", None), ("unsupported", "skipped"), ("oom", "failure"), ("timeout", "failure")]
)
def test_without_a_baseline_the_verdict_decides(tmp_path, verdict, tag):
    run = on_cpu(verdict=verdict, measured=None, reason=None if verdict == "passed" else "no result within 5 s")
    (case,) = report_of(tmp_path / "report.xml", [(run, None, None)])
    assert [child.tag for child in case if child.tag != "properties"] == ([tag] if tag else [])
    if tag:
        assert (case.find(tag).get("type"), case.find(tag).get("message")) == (verdict, "no result within 5 s")
    assert "peak_reserved_bytes" not in properties_of(case)


def test_a_report_of_nothing_is_a_report(tmp_path):
    assert report_of(tmp_path / "report.xml", []) == []


def test_equal_runs_stay_two_cases(tmp_path):
    comparison = OUTCOMES["regression"][0]
    assert len(report_of(tmp_path / "report.xml", [(comparison.run, None, comparison)] * 2)) == 2


@given(text=st.text(st.characters(codec=None, exclude_categories=()), max_size=40))
def test_whatever_a_process_said_last_is_xml(tmp_path_factory, text):
    run = on_gpu(verdict="crash", reason=f"exit code 1: \x1b[31m{text}")
    comparison = compare([run], [])
    (case,) = report_of(tmp_path_factory.getbasetemp() / "hostile.xml", [(run, Path(f"a{text}"), comparison)])
    assert case.find("failure").get("message").startswith("crash: exit code 1")


def test_an_older_report_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "report.xml"
    path.write_text("old", encoding="utf-8")
    report_of(path, [(on_gpu(), None, None)])
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.xml"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_missing_folder_is_said_before_and_after(tmp_path):
    path = tmp_path / "none" / "report.xml"
    for attempt in (lambda: require_junit(path), lambda: write_junit(path, [], seconds=1.0)):
        with pytest.raises(CannotHereError, match="KB320") as caught:
            attempt()
        assert caught.value.exit_code == Exit.CANNOT_HERE
        assert caught.value.problems[0].where == str(path)
    require_junit(tmp_path / "report.xml")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_the_report(tmp_path):
    path = tmp_path / "report.xml"
    path.mkdir()
    with pytest.raises(CannotHereError, match="KB320"):
        write_junit(path, [], seconds=1.0)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_a_full_disk_keeps_the_older_report(tmp_path):
    """A file size limit is a full disk that a test can make."""
    code = """
import resource, sys
from pathlib import Path
from recipe_kb.errors import CannotHereError
from recipe_kb.regress.junit import write_junit
resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))
try:
    write_junit(Path(sys.argv[1]), [], seconds=1.0)
except CannotHereError as error:
    print(error)
"""
    path = tmp_path / "report.xml"
    path.write_text("old", encoding="utf-8")
    environ = {"PYTHONPATH": str(ROOT / "src")}
    said = subprocess.check_output([sys.executable, "-c", code, str(path)], text=True, env=environ)
    assert "KB320" in said
    assert path.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.xml"]


def test_without_the_package_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "junitparser", None)
    with pytest.raises(CannotHereError, match="junitparser") as caught:
        junit.require_junit(tmp_path / "report.xml")
    assert caught.value.problems[0].code == "KB301"
