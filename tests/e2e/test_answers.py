"""`kb` as people run it: a process, in both languages."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from recipe_kb.store.yaml_file import KbLoader

CELL = ("--gpu", "t4", "--model", "biobert", "--tasks", "8")
KEYS = (
    "schema id gpu model tasks max_length method goal num_gpus origin status settings effective_batch_size "
    "memory provenance evidence ladder notes"
)


def test_a_recipe_as_text(kb):
    result = kb("recipe", *CELL)
    assert result.returncode == 0
    assert result.stderr == ""
    for words in (
        "dmis-lab/biobert-v1.1 · NVIDIA Tesla T4 · 8 tasks · 512 tokens",
        "per_device_train_batch_size    32",
        "guide 002, claim 002-28",
        "GiB of 14.42 GiB",
        "predicted from a traced step, error about 2%, interval",
        "When memory runs out, in this order",
        "kb validate t4/biobert/8t-512-full",
    ):
        assert words in result.stdout


def test_a_recipe_in_vietnamese(kb):
    result = kb("recipe", *CELL, "--lang", "vi")
    assert result.returncode == 0
    assert "GiB" in result.stdout
    assert "14,42 GiB" in result.stdout
    for english in ("Settings, and where", "When memory runs out", "Good to know", "predicted from"):
        assert english not in result.stdout
    assert "3e-5" in result.stdout  # what people copy is never localised


def test_the_json_contract(kb):
    answer = json.loads(kb("recipe", *CELL, "--json").stdout)
    assert set(KEYS.split()) <= set(answer)
    assert answer["schema"] == "kb-recipe/1"
    assert answer["settings"]["per_device_train_batch_size"] == 32
    assert answer["effective_batch_size"] == 32
    memory = answer["memory"]
    assert {"peak_reserved_bytes", "limit_bytes", "status", "fits", "margin"} <= set(memory)
    assert memory["method"] == "traced"
    assert memory["interval"][0] < memory["peak_reserved_bytes"] < memory["interval"][1] < memory["limit_bytes"]
    assert sum(memory["breakdown"].values()) == memory["peak_reserved_bytes"]
    assert set(answer["provenance"]) == set(answer["settings"])
    assert answer == json.loads(kb("recipe", *CELL, "--format", "json").stdout)
    assert answer == json.loads(kb("--json", "recipe", *CELL).stdout)
    vietnamese = json.loads(kb("recipe", *CELL, "--json", "--lang", "vi").stdout)
    assert vietnamese["settings"] == answer["settings"]
    assert vietnamese["notes"] != answer["notes"]


@pytest.mark.parametrize(
    "command",
    [
        ("list", "gpus"),
        ("list", "models"),
        ("list", "recipes"),
        ("list", "claims"),
        ("list", "guides"),
        ("show", "t4"),
        ("show", "002-52"),
        ("show", "sqrt-adam"),
        ("show", "t4/biobert/8t-512-full"),
        ("search", "batch"),
        ("check",),
        ("doctor",),
        ("plan", "t4/biobert/8t-512-full", "--max-steps", "10"),
        ("diff", "t4/biobert/8t-512-full", "t4/biobert/1t-256-full"),
    ],
)
def test_every_command_prints_json_with_a_schema_and_text_in_both_languages(kb, command):
    answer = json.loads(kb(*command, "--json").stdout)
    assert answer["schema"].startswith("kb-")
    english, vietnamese = kb(*command), kb(*command, "--lang", "vi")
    assert english.returncode == vietnamese.returncode == 0
    assert english.stdout != vietnamese.stdout or command[:2] == ("list", "recipes")


def test_exported_flags_and_yaml_say_the_same(kb):
    flags = kb("recipe", *CELL, "--format", "args").stdout.split()
    document = yaml.safe_load(kb("recipe", *CELL, "--format", "yaml").stdout)
    assert document["model"]["attributes"] == {"accepts_loss_kwargs": False}
    assert document["training_arguments"]["per_device_train_batch_size"] == 32
    assert flags[flags.index("--per_device_train_batch_size") + 1] == "32"
    assert {flag.removeprefix("--") for flag in flags[::2]} == set(document["training_arguments"])


def test_flags_say_what_they_cannot_carry(kb):
    cell = ("--gpu", "rtx-3070", "--model", "phobert", "--max-length", "256", "--goal", "speed")
    result = kb("recipe", *cell, "--format", "args")
    assert "model.accepts_loss_kwargs = False" in result.stderr
    assert "accepts_loss_kwargs" not in result.stdout


def test_a_refuted_recipe_is_a_finding_that_says_what_works(kb):
    result = kb("recipe", "--gpu", "a100-40gb", "--model", "llama-3.2-3b")
    assert result.returncode == 1
    assert "47.9 GiB" in " ".join(result.stdout.split())
    assert "kb show a100-40gb/llama-3.2-3b/1t-512-lora" in result.stdout
    assert kb("show", "a100-40gb/llama-3.2-3b/1t-512-lora").returncode == 0


def test_explain_prints_claims_and_rules(kb):
    text = " ".join(kb("recipe", *CELL, "--explain").stdout.split())
    assert "002-28:" in text
    assert "[consistent]" in text
    assert "warm-up: Let the learning rate rise" in text


def test_a_pipe_that_closes_is_no_error(kb, tmp_path):
    import subprocess

    from checkout import KB

    run = subprocess.run(f"{KB} list claims | head -1", shell=True, capture_output=True, text=True, check=True)  # noqa: S602
    assert run.stdout.count("\n") == 1
    assert run.stderr == ""


def test_schemas_describe_the_files(store):
    from checkout import ROOT

    pairs = {"gpu": "gpus", "model": "models", "recipe": "recipes", "rule": "rules", "claims": "claims"}
    for name, folder in pairs.items():
        schema = json.loads((ROOT / "kb" / "schema" / f"{name}.schema.json").read_text(encoding="utf-8"))
        paths = sorted((ROOT / "kb" / folder).rglob("*.yaml"))
        assert paths

        for path in paths:
            jsonschema.validate(yaml.load(path.read_text(encoding="utf-8"), Loader=KbLoader), schema)  # noqa: S506
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"nonsense": 1}, schema)


def test_a_derived_answer_pastes_into_a_recipe_file(kb, broken_kb):
    """CONTRIBUTING says so: JSON is YAML."""
    answer = json.loads(kb("recipe", "--gpu", "l4", "--model", "phobert-base", "--json").stdout)
    kept = ("origin", "status", "task_mixing", "effective_batch_size", "settings", "provenance", "ladder")
    path = broken_kb / "recipes" / f"{answer['id']}.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({name: answer[name] for name in kept}), encoding="utf-8")
    result = kb("check", root=broken_kb)
    assert result.returncode == 0, result.stderr
    assert "41 recipes" in result.stdout


def test_output_that_cannot_be_written_is_no_bug_of_ours(kb):
    import os
    import subprocess

    from checkout import KB

    with Path("/dev/full").open("w", encoding="utf-8") as full:
        command = [str(KB), "recipe", *CELL]
        result = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=os.environ | {"KB_LANG": "en"}
        )
    assert result.returncode == 3
    assert "KB311" in result.stderr


def test_a_list_of_recipes_shows_memory_and_how_it_was_predicted(kb):
    rows = json.loads(kb("list", "recipes", "--gpu", "t4", "--model", "biobert", "--json").stdout)["recipes"]
    answer = json.loads(kb("recipe", *CELL, "--json").stdout)
    (row,) = [row for row in rows if row["id"] == answer["id"]]
    assert row["peak_reserved_bytes"] == answer["memory"]["peak_reserved_bytes"]
    assert row["memory_method"] == answer["memory"]["method"] == "traced"


def test_a_cell_without_a_trace_says_so(kb, broken_kb):
    (broken_kb / "memory" / "biobert.json").unlink()
    text = " ".join(kb("recipe", *CELL, root=broken_kb).stdout.split())
    assert "predicted from documented figures, error up to 25%" in text
    assert "The knowledge base holds no traced step for these settings." in text
    answer = json.loads(kb("recipe", *CELL, "--json", root=broken_kb).stdout)
    assert answer["memory"]["method"] == "documented-figures"


def test_a_broken_trace_is_bad_input_with_its_file(kb, broken_kb):
    (broken_kb / "memory" / "biobert.json").write_text("{}", encoding="utf-8")
    result = kb("recipe", *CELL, root=broken_kb)
    assert result.returncode == 2
    assert "memory/biobert.json: KB118 is not what `make curves` writes" in result.stderr
    assert result.stderr.rstrip().endswith("-> make curves")
