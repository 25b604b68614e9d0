"""`kb lint` as a process: what it prints, what it mends, and how it ends."""

import json
import subprocess
import sys

import pytest

from checkout import KB, ROOT

FLAGS = ("--transformers", "5.23.0")


def codes(result):
    return sorted({finding["code"] for finding in json.loads(result.stdout)["findings"]})


def test_a_file_with_errors_fails(kb, bad_yaml):
    result = kb("lint", bad_yaml, "--gpu", "t4", *FLAGS)
    assert result.returncode == 1, result.stderr
    assert f"{bad_yaml}:10:9: KB510 error: NVIDIA Tesla T4 has no TF32" in result.stdout
    assert "1 configuration in 1 file: 3 errors, 1 warning" in result.stderr


def test_a_guide_is_linted_like_code(kb, guide):
    result = kb("lint", guide, "--json", *FLAGS)
    assert result.returncode == 1
    assert {"KB501", "KB502", "KB504", "KB525"} <= set(codes(result))
    lines = {finding["code"]: finding["line"] for finding in json.loads(result.stdout)["findings"]}
    assert lines["KB504"] == 7
    assert lines["KB501"] == 8


def test_what_the_options_say_wins(kb, guide):
    assert "KB504" not in codes(kb("lint", guide, "--json", "--gpu", "h100", *FLAGS))
    assert "KB520" in codes(kb("lint", guide, "--json", "--model", "phobert-base", *FLAGS))
    assert "KB525" not in codes(kb("lint", guide, "--json", "--transformers", "4.40"))
    wrong = kb("lint", guide, "--gpu", "t44")
    assert wrong.returncode == 2
    assert "KB201" in wrong.stderr


def test_fix_keeps_comments_and_layout(kb, bad_yaml):
    before = bad_yaml.read_text(encoding="utf-8")
    result = kb("lint", "--fix", bad_yaml, "--gpu", "t4", *FLAGS)
    assert result.returncode == 0, result.stdout + result.stderr
    expected = before.replace("192", "32").replace("tf32: true", "tf32: false").replace("evaluation_str", "eval_str")
    lines = [line for line in expected.splitlines() if "fp16_opt_level" not in line]
    assert bad_yaml.read_text(encoding="utf-8").splitlines() == lines
    again = kb("lint", "--fix", bad_yaml, "--gpu", "t4", *FLAGS)
    assert again.returncode == 0
    assert bad_yaml.read_text(encoding="utf-8").splitlines() == lines
    assert "mended" not in again.stderr


def test_fix_keeps_the_ends_of_lines(kb, bad_yaml):
    bad_yaml.write_bytes(bad_yaml.read_bytes().replace(b"\n", b"\r\n"))
    kb("lint", "--fix", bad_yaml, "--gpu", "t4", *FLAGS)
    after = bad_yaml.read_bytes()
    assert b"tf32: false\r\n" in after
    assert after.count(b"\n") == after.count(b"\r\n")


def test_diff_changes_nothing(kb, bad_yaml):
    before = bad_yaml.read_bytes()
    result = kb("lint", "--diff", bad_yaml, "--gpu", "t4", *FLAGS)
    assert bad_yaml.read_bytes() == before
    assert "-  tf32: true" in result.stdout
    assert "+  tf32: false" in result.stdout


def test_strict_fails_on_warnings(kb, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("per_device_train_batch_size: 16\nper_device_eval_batch_size: 192\n", encoding="utf-8")
    assert kb("lint", path).returncode == 0
    assert kb("lint", path, "--strict").returncode == 1


def test_select_and_ignore(kb, bad_yaml):
    assert codes(kb("lint", bad_yaml, "--json", "--select", "KB508,eval-batch-ratio", *FLAGS)) == ["KB503", "KB508"]
    assert "KB508" not in codes(kb("lint", bad_yaml, "--json", "--ignore", "kb508", *FLAGS))
    wrong = kb("lint", bad_yaml, "--select", "eval-batch-rato")
    assert wrong.returncode == 2
    assert "eval-batch-ratio" in wrong.stderr


def test_a_comment_allows(kb, bad_yaml):
    text = bad_yaml.read_text(encoding="utf-8")
    bad_yaml.write_text(text.replace("192", "192  # kb: ignore KB503 -- measured"), encoding="utf-8")
    result = kb("lint", bad_yaml, *FLAGS)
    assert "KB503" not in result.stdout
    assert "1 allowed by comments" in result.stderr


def test_a_baseline_lets_only_new_findings_fail(kb, bad_yaml, tmp_path):
    known = tmp_path / "known.json"
    assert kb("lint", bad_yaml, "--gpu", "t4", "--write-baseline", known, *FLAGS).returncode == 0
    result = kb("lint", bad_yaml, "--gpu", "t4", "--baseline", known, *FLAGS)
    assert (result.returncode, result.stdout) == (0, "")
    text = bad_yaml.read_text(encoding="utf-8")
    bad_yaml.write_text(
        f"# moved\n{text}  dataloader_num_workers: 0\n  dataloader_prefetch_factor: 2\n", encoding="utf-8"
    )
    result = kb("lint", bad_yaml, "--gpu", "t4", "--baseline", known, "--json", *FLAGS)
    assert result.returncode == 1
    assert codes(result) == ["KB522", "KB523"]
    assert kb("lint", bad_yaml, "--baseline", tmp_path / "none.json").returncode == 2


def test_folders_are_searched(kb, bad_yaml, guide, tmp_path):
    hidden = tmp_path / ".venv"
    hidden.mkdir()
    (hidden / "x.yaml").write_bytes(bad_yaml.read_bytes())
    result = kb("lint", tmp_path, guide, "--json", *FLAGS)
    files = [finding["file"] for finding in json.loads(result.stdout)["findings"]]
    assert set(files) == {str(bad_yaml), str(guide)}


def test_what_cannot_be_read_is_said_and_the_rest_is_linted(kb, bad_yaml, tmp_path):
    binary = tmp_path / "a.bin"
    binary.write_bytes(bytes(range(256)) * 40)
    result = kb("lint", binary, bad_yaml, *FLAGS)
    assert result.returncode == 2
    assert "a.bin" in result.stderr
    assert "KB503" in result.stdout
    missing = kb("lint", tmp_path / "no.yaml", tmp_path / "neither.md")
    assert missing.returncode == 2
    assert missing.stderr.count("KB592") == 2
    assert kb("lint").returncode == 2


@pytest.mark.parametrize("form", ["sarif", "github", "json"])
def test_formats(kb, bad_yaml, form):
    result = kb("lint", bad_yaml, "--format", form, *FLAGS)
    assert result.returncode == 1
    assert "KB508" in result.stdout


@pytest.mark.parametrize("lang", ["en", "vi"])
def test_explain_prints_the_page(kb, lang):
    result = kb("lint", "--explain", "kb505", lang=lang)
    assert result.returncode == 0
    assert "memory-over-card" in result.stdout
    assert ("The predicted memory" if lang == "en" else "Bộ nhớ dự đoán") in result.stdout
    assert kb("lint", "--explain", "KB999").returncode == 2


def test_vietnamese(kb, bad_yaml):
    result = kb("lint", bad_yaml, "--gpu", "t4", *FLAGS, lang="vi")
    assert "không có TF32" in result.stdout
    assert "1 cấu hình trong 1 file" in result.stderr


def test_linting_imports_nothing_heavy(guide):
    code = (
        "import sys, io, contextlib\nfrom recipe_kb.cli.main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    code = run(['lint', {str(guide)!r}, '--quiet'])\n"
        "heavy = {'torch', 'transformers', 'numpy', 'pandas'} & {name.partition('.')[0] for name in sys.modules}\n"
        "print(code, sorted(heavy))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split("\n")[-2] == "1 []"


def test_recipes_of_the_knowledge_base_are_left_to_kb_check(kb):
    result = kb("lint", ROOT / "kb" / "recipes" / "t4" / "biobert")
    assert (result.returncode, result.stdout) == (0, "")
    assert "0 errors, 0 warnings, 0 hints" in result.stderr


def test_commands_of_kb_are_no_configurations_of_a_trainer(kb, tmp_path):
    path = tmp_path / "a.md"
    path.write_text("```console\n$ kb recipe --gpu t4 --model phobert --max-length 512\n```\n", encoding="utf-8")
    assert kb("lint", path).stdout == ""
    path.write_text("```console\n$ python train.py --model phobert --max-length 512\n```\n", encoding="utf-8")
    assert "KB520" in kb("lint", path).stdout


INPUT = "# my settings\nper_device_train_batch_size: 16\nper_device_eval_batch_size: 192\n"


def lint_input(*words):
    return subprocess.run(
        [KB, "lint", "-", *words], check=False, input=INPUT, capture_output=True, text=True, encoding="utf-8"
    )


def test_the_standard_input_is_linted_and_never_written():
    assert "-:3:29: KB503" in lint_input().stdout
    assert "kb lint --fix --diff -" in lint_input().stdout
    assert "+per_device_eval_batch_size: 32" in lint_input("--fix", "--diff").stdout
    refused = lint_input("--fix")
    assert refused.returncode == 2
    assert "KB596" in refused.stderr


@pytest.mark.parametrize("codec", ["utf-16", "utf-8-sig", "cp1252", "mac-roman"])
def test_fix_keeps_the_encoding(kb, tmp_path, codec):
    path = tmp_path / "a.yaml"
    text = "# Résumé déjà vu\r\nper_device_train_batch_size: 16\r\nper_device_eval_batch_size: {}\nlr: 1e-5\r\n"
    path.write_bytes(text.format(192).encode(codec))
    assert "mended" in kb("lint", "--fix", path).stderr
    assert path.read_bytes() == text.format(32).encode(codec)


def test_a_name_of_two_cards_is_asked_for(kb, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("# for a V100\nbatch_size: 16\nlearning_rate: 2e-5\n", encoding="utf-8")
    assert "KB438 V100 is the name of 2 cards" in kb("lint", path).stderr
    assert "KB438" not in kb("lint", path, "--gpu", "v100-32gb").stderr
    refused = kb("lint", path, "--gpu", "V100")
    assert refused.returncode == 2
    assert (
        "KB222 V100 is the name of 2 cards with different memory; say which: v100-16gb or v100-32gb." in refused.stderr
    )


def test_a_secret_is_found_and_never_printed(kb, tmp_path):
    token = "hf_" + "a1B2" * 8
    path = tmp_path / "a.yaml"
    path.write_text(f"batch_size: 16\nlearning_rate: 2e-5\nhub_token: {token}\n", encoding="utf-8")
    assert "KB527" in kb("lint", path).stdout
    for form in ("text", "json", "sarif", "github"):
        result = kb("lint", path, "--format", form)
        assert token not in result.stdout + result.stderr
    drafts = tmp_path / "drafts"
    result = kb("extract", path, "--draft", drafts, "--json")
    assert token not in result.stdout + result.stderr
    (draft,) = drafts.rglob("*.yaml")
    assert token not in draft.read_text(encoding="utf-8")
