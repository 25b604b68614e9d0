"""Hostile and broken files: every fault at its line, all at once, and the rest goes on working."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe_kb.errors import BadInputError
from recipe_kb.resolve.check import check
from recipe_kb.resolve.recipe_hash import recipe_hash
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.store import Store
from recipe_kb.store.yaml_file import read_record

RECIPE = "recipes/t4/biobert/8t-512-full.yaml"
OTHER = ("recipe", "--gpu", "t4", "--model", "scibert", "--tasks", "1")


def edit(root, relative, old, new):
    path = root / relative
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def problems(root):
    return [str(problem) for problem in check(Store(root))[0]]


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        (
            "effective_batch_size: 32",
            "effective_batch_size: 48",
            "KB101",
            "effective_batch_size is 48; 32 x 1 x 1 = 32",
        ),
        ("status: predicted", "status: predicted\nstatus: measured", "KB102", "'status' occurs twice"),
        ("  weight_decay: 0.01", "  weight_decai: 0.01", "KB103", "unknown key settings.weight_decai"),
        ("  weight_decay: 0.01\n", "", "KB104", "settings.weight_decay is missing"),
        ("precision: fp16", "precision: fp17", "KB105", "must be one of 'fp32', 'fp16' or 'bf16' (got 'fp17')"),
        ("learning_rate: 3.0e-5", "learning_rate: 3", "KB105", "must be < 1"),
        ("learning_rate: 3.0e-5", "learning_rate: .nan", "KB105", "learning_rate"),
        (
            "per_device_train_batch_size: 32",
            "per_device_train_batch_size: many",
            "KB105",
            "a whole number (got 'many')",
        ),
        ("{claim: 002-28}", "{claim: 002-99}", "KB106", "'002-99' is referred to but does not exist"),
        ("{rule: warm-up}", "{rule: cool-down}", "KB106", "'cool-down'"),
        ("{claim: 002-28}", "{claim: 002-28, rule: warm-up}", "KB107", "exactly one of"),
        ("  weight_decay: {source: bert-2018}\n", "", "KB107", "missing: weight_decay"),
        ("status: predicted", "status: refuted", "KB109", "a refuted recipe needs"),
        ("status: predicted", "status: measured", "KB116", "no evidence of a passed native probe"),
        ("{claim: 002-28}", "{evidence: evidence/nowhere.json}", "KB106", "'evidence/nowhere.json'"),
        ("precision: fp16", "precision: bf16", "KB113", "no bf16 units"),
        ("task_mixing: interleaved", "task_mixing: null", "KB113", "task_mixing"),
        ("why: smaller-batch", "why: magic", "KB106", "'magic'"),
        ("settings:", "settings: [", "KB100", "not valid YAML"),
    ],
)
def test_each_fault_is_named_at_its_line(small_kb, old, new, code, words):
    line = edit(small_kb, RECIPE, old, new)
    found = problems(small_kb)
    assert any(f" {code} " in problem and words in problem for problem in found), found
    assert all(f"{RECIPE}:" in problem for problem in found)
    if code in {"KB101", "KB102", "KB103", "KB105", "KB106", "KB109", "KB113"}:
        at = line + (1 if code == "KB102" else 0)
        assert any(f"{RECIPE}:{at}: {code}" in problem for problem in found), (at, found)


def test_faults_of_many_files_come_at_once_and_other_recipes_still_answer(small_kb, kb):
    edit(small_kb, RECIPE, "effective_batch_size: 32", "effective_batch_size: 48")
    edit(small_kb, "gpus/l4.yaml", "architecture:", "architektur:")
    edit(small_kb, "models/gpt2.yaml", "gated: false", "gated: perhaps")
    edit(small_kb, "claims/003.yaml", "verdict: consistent", "verdict: true")
    result = kb("check", root=small_kb)
    assert result.returncode == 2
    for name in ("8t-512-full.yaml", "l4.yaml", "gpt2.yaml", "003.yaml"):
        assert name in result.stderr
    assert "Traceback" not in result.stderr
    assert kb(*OTHER, root=small_kb).returncode == 0
    own = kb("recipe", "--gpu", "t4", "--model", "biobert", "--tasks", "8", root=small_kb)
    assert own.returncode == 2
    assert "8t-512-full.yaml:5: KB101" in own.stderr


def test_a_recipe_over_its_card_is_found(small_kb):
    edit(small_kb, RECIPE, "effective_batch_size: 32", "effective_batch_size: 64")
    edit(small_kb, RECIPE, "per_device_train_batch_size: 32", "per_device_train_batch_size: 64")
    assert any("KB114" in problem for problem in problems(small_kb))


def test_overlaps_strays_and_aliases_are_found(small_kb):
    folder = small_kb / "recipes" / "t4" / "biobert"
    text = (folder / "2-3t-512-full.yaml").read_text(encoding="utf-8")
    (folder / "3-4t-512-full.yaml").write_text(text, encoding="utf-8")
    (folder / "notes.yaml").write_text("a: 1\n", encoding="utf-8")
    edit(small_kb, "gpus/l4.yaml", "aliases: [", "aliases: [tesla-t4, ")
    found = problems(small_kb)
    assert any("KB108" in problem and "overlap" in problem for problem in found)
    assert any("notes.yaml" in problem and "KB108" in problem for problem in found)
    assert any("t4.yaml" in problem and "KB110" in problem for problem in found)


def test_a_claim_too_few_is_found(small_kb):
    path = small_kb / "claims" / "004.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("\n- id: 004-37")] + "\n", encoding="utf-8")
    assert any("KB111" in problem and "36 claims, 37 expected" in problem for problem in problems(small_kb))


@pytest.mark.parametrize(
    ("relative", "old", "new", "code", "words"),
    [
        ("cuda.yaml", "sources: [context-t4]", "sources: [context-t5]", "KB106", "'context-t5'"),
        ("cuda.yaml", "pytorch-175344", "pytorch-175345", "KB106", "'pytorch-175345'"),
        ("cuda.yaml", "    t4: {", "    t44: {", "KB106", "'t44'"),
        ("cuda.yaml", "sm_count: 128", "sm_count: 0", "KB105", "unknown_gpu.sm_count must be > 0"),
        ("cuda.yaml", "sm_count: 128", "sm_counts: 128", "KB103", "unknown key unknown_gpu.sm_counts"),
        ("gpus/l4.yaml", 'compute_capability: "8.9"', 'compute_capability: "8.8"', "KB106", "'8.8'"),
    ],
)
def test_the_constants_of_cuda_are_checked(small_kb, relative, old, new, code, words):
    line = edit(small_kb, relative, old, new)
    found = problems(small_kb)
    assert any(f"{relative}:{line}: {code}" in problem and words in problem for problem in found), found
    assert all(f"{relative}:" in problem for problem in found)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00bad",
        b"!!python/object/apply:os.system ['touch /tmp/kb-was-executed']\n",
        b"&a [*a]\n",
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nname: *c\n",
        b"a: " + b"[" * 5000,
        b"a: &x [1]\nb: *y\n",
        b"",
        b"- 1\n- 2\n",
        b"name: \x00\n",
    ],
)
def test_hostile_yaml_is_a_problem_and_never_more(tmp_path, content):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        read_record(path, Gpu, "x.yaml")
    assert all(problem.where.startswith("x.yaml") for problem in caught.value.problems)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200))
def test_no_bytes_crash_the_reader(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(BadInputError):
        read_record(path, Gpu, "x.yaml")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("why: smaller-batch", "why: magic"),
        ("guide_value: 8, claim: 002-52", "guide_value: 8, claim: 002-99"),
        ("guide_value: 8, claim: 002-52", "guide_value: 8, claim: 009-01"),
        ("{claim: 002-28}", "{claim: 002-99}"),
        ("{source: bert-2018}", "{source: nobody-1900}"),
        ("{rule: warm-up}", "{rule: cool-down}"),
    ],
)
def test_an_answer_with_a_dangling_reference_is_bad_input_and_no_crash(small_kb, kb, old, new):
    edit(small_kb, RECIPE, old, new)
    result = kb("recipe", "--gpu", "t4", "--model", "biobert", "--tasks", "8", "--explain", root=small_kb)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr


def test_a_stray_file_that_is_no_yaml_is_found(small_kb):
    (small_kb / "recipes" / "t4" / "biobert" / "notes.yaml").write_text("a: [", encoding="utf-8")
    (small_kb / "gpus" / "l4.yml").write_text("a: 1", encoding="utf-8")
    found = problems(small_kb)
    assert any("notes.yaml: KB108" in problem for problem in found)
    assert any("l4.yml: KB108" in problem for problem in found)


def test_measured_needs_evidence_of_these_settings_on_this_gpu(small_kb):
    edit(small_kb, RECIPE, "status: predicted", "status: measured")
    folder = small_kb / "evidence" / "t4" / "biobert" / "8t-512-full"
    folder.mkdir(parents=True)
    store = Store(small_kb)
    key = RecipeKey.parse("t4/biobert/8t-512-full")
    proof = {"recipe": str(key), "started": "2026-01-01T00:00:00+00:00", "schema": "kb-evidence/1", "reason": None}
    proof |= {"mode": "native", "verdict": "passed", "confirmed": ["memory"], "needs_gpu": [], "deviations": []}
    proof |= {"gpu_name": "Tesla T4", "measured": None}
    proof["fingerprint"] = {"recipe_sha256": recipe_hash(store.recipe(key))}
    for changes, accepted in (
        ({}, True),
        ({"gpu_name": "NVIDIA H100 PCIe"}, False),
        ({"verdict": "oom"}, False),
        ({"confirmed": []}, False),
        ({"fingerprint": {"recipe_sha256": "0" * 64}}, False),
    ):
        (folder / "2026-01-01-tesla-t4-native.json").write_text(json.dumps(proof | changes), encoding="utf-8")
        assert any("KB116" in problem for problem in problems(small_kb)) != accepted, changes
