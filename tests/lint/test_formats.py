"""What findings look like for people, for programs, for code scanning and for GitHub."""

import json
from pathlib import Path

import pytest

from recipe_kb import i18n
from recipe_kb.lint import example, formats
from recipe_kb.lint.finding import Edit, Finding
from recipe_kb.lint.formats.registry import FORMATS
from recipe_kb.lint.formats.sarif import uri_of
from recipe_kb.lint.registry import RULES
from recipe_kb.lint.run import lint

TEXT = "# gpu=t4 model=biobert\nper_device_train_batch_size: 16\ntf32: true\ndataloader_num_workers: 0"

FIX = "-> kb lint --fix example.yaml"
WORKERS = "the rule data-loader starts at 2. -> kb lint --explain KB523"


@pytest.fixture
def findings(store):
    configurations, asked, lines = example.read(TEXT)
    return lint(configurations, store, lines, asked).findings


def test_the_registry_of_formats_is_the_folder():
    files = {path.stem.removesuffix("_format") for path in Path(formats.__file__).parent.glob("*.py")}
    assert set(FORMATS) == files - {"__init__", "registry"}


def test_text_is_a_line_per_finding(findings):
    assert FORMATS["text"](findings).splitlines() == [
        "example.yaml:3:7: KB510 error: NVIDIA Tesla T4 has no TF32; transformers refuses to start. " + FIX,
        "example.yaml:4:25: KB523 info: Without workers the GPU waits for the data; " + WORKERS,
    ]


def test_text_is_in_vietnamese_too(findings):
    i18n.activate("vi")
    assert "KB510 lỗi: " in FORMATS["text"](findings)


def test_json_has_the_keys_of_the_contract(findings):
    document = json.loads(FORMATS["json"](findings))
    assert document["schema"] == "kb-lint/1"
    assert document["count"] == {"error": 1, "warning": 0, "info": 1}
    assert {"code", "severity", "file", "line", "message", "fix"} <= set(document["findings"][0])
    assert document["findings"][0]["fix"] == [{"line": 3, "start": 6, "end": 10, "text": "false"}]
    assert document["findings"][1]["fix"] is None
    assert json.loads(FORMATS["json"]([]))["findings"] == []


def test_github_escapes_what_would_end_a_command():
    finding = Finding(
        code="KB501",
        rule="effective-batch-comment",
        severity="info",
        file="docs/a,b:c.md",
        line=3,
        start=4,
        end=6,
        message="50% of\nall: it, too",
    )
    assert FORMATS["github"]([finding]) == (
        "::notice file=docs/a%2Cb%3Ac.md,line=3,endLine=3,col=5,endColumn=6,title=KB501 effective-batch-comment"
        "::50%25 of%0Aall: it, too\n"
    )


def test_github_severities(findings):
    assert [line.split()[0] for line in FORMATS["github"](findings).splitlines()] == ["::error", "::notice"]


def test_sarif_has_what_code_scanning_reads(findings):
    document = json.loads(FORMATS["sarif"](findings))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.CODE for rule in RULES.values()]
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in rules)
    first, second = run["results"]
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "KB510"
    assert [first["level"], second["level"]] == ["error", "note"]
    (location,) = first["locations"]
    place = location["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "example.yaml"}
    assert place["region"] == {"startLine": 3, "startColumn": 7, "endColumn": 11}
    (fix,) = first["fixes"]
    (change,) = fix["artifactChanges"]
    assert change["replacements"] == [
        {"deletedRegion": {"startLine": 3, "startColumn": 7, "endColumn": 11}, "insertedContent": {"text": "false"}}
    ]
    assert "fixes" not in second
    assert first["partialFingerprints"] != second["partialFingerprints"]


def test_sarif_takes_a_line_away():
    finding = Finding(
        code="KB508",
        rule="gone-argument",
        severity="error",
        file="a b.yaml",
        line=2,
        message="m",
        edits=(Edit(line=2, whole_line=True),),
    )
    (result,) = json.loads(FORMATS["sarif"]([finding]))["runs"][0]["results"]
    (replacement,) = result["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replacement["deletedRegion"] == {"startLine": 2, "startColumn": 1, "endLine": 3, "endColumn": 1}
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b.yaml"


def test_sarif_addresses():
    assert uri_of("docs/vi/một.md") == "docs/vi/m%E1%BB%99t.md"
    assert uri_of("/x/a.md") == "file:///x/a.md"
