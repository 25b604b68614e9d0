"""`kb extract` as a command."""

import json

import pytest

GUIDE = """# BioBERT on a Tesla T4

```yaml
# BEFORE:
batch_size: 8

# AFTER:
batch_size: 16   # twice
warmup_ratio: 0.1
colour: red
```
"""


@pytest.fixture
def guide(tmp_path):
    (tmp_path / "guide.md").write_text(GUIDE, encoding="utf-8")
    return "guide.md"


def test_json_keeps_the_contract(kb, guide):
    result = kb("extract", guide, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert document["schema"] == "kb-extract/1"
    first, second = document["configurations"]
    assert {"file", "lines", "context", "settings", "not_understood"} <= set(first)
    assert first["file"] == "guide.md"
    assert (first["lines"], first["label"], first["settings"]) == ([5, 5], "before", {"per_device_train_batch_size": 8})
    assert second["settings"] == {"per_device_train_batch_size": 16, "warmup_ratio": 0.1}
    assert second["context"]["gpu"] == "t4"
    assert second["context"]["model"] == "biobert"
    assert second["context"]["lines"]["gpu"] == 1
    batch = second["written"][0]
    assert (batch["written_name"], batch["line"], batch["start"], batch["end"]) == ("batch_size", 8, 12, 14)
    assert batch["comment"] == "twice"
    assert [(one["name"], one["line"]) for one in second["not_understood"]] == [("colour", 10)]
    assert document["warnings"] == []


@pytest.mark.parametrize(
    ("lang", "after", "words"),
    [("en", "after", "2 configurations in 1 file"), ("vi", "sau", "2 cấu hình trong 1 file")],
)
def test_text_in_both_languages(kb, guide, lang, after, words):
    result = kb("extract", guide, lang=lang)
    assert result.returncode == 0
    assert f"guide.md:8-10  {after}" in result.stdout
    assert "per_device_train_batch_size  16   batch_size" in result.stdout
    assert words in result.stderr


def test_quiet_prints_results_only(kb, guide):
    result = kb("extract", guide, "--quiet")
    assert result.stderr == ""
    assert "warmup_ratio" in result.stdout


def test_one_bad_file_does_not_hide_the_others(kb, guide, tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    result = kb("extract", "bad.yaml", "missing.md", guide)
    assert result.returncode == 2
    assert "guide.md:8-10" in result.stdout
    assert "bad.yaml:1: KB436" in result.stderr
    assert "missing.md: KB434" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_is_searched_and_its_bad_files_are_warnings(kb, guide, tmp_path):
    folder = tmp_path / "docs"
    (folder / "node_modules").mkdir(parents=True)
    (folder / "a.yaml").write_text("batch_size: 8\nlr: 1e-5\n", encoding="utf-8")
    (folder / "b.yaml").write_text("a: [", encoding="utf-8")
    (folder / "node_modules" / "c.yaml").write_text("batch_size: 8\nlr: 1e-5\n", encoding="utf-8")
    result = kb("extract", "docs")
    assert result.returncode == 0
    assert "docs/a.yaml:1-2" in result.stdout
    assert "node_modules" not in result.stdout
    assert "docs/b.yaml:1: KB436" in result.stderr


def test_nothing_found_is_no_error(kb, tmp_path):
    (tmp_path / "a.md").write_text("# Nothing\n", encoding="utf-8")
    result = kb("extract", "a.md")
    assert (result.returncode, result.stdout) == (0, "")
    assert "No training configuration" in result.stderr
