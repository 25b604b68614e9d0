"""`kb diff` on files: the shapes of the guides' before and after, in numbers of our own."""

import json

import pytest

from recipe_kb.cli.main import run

TABLE = """# Faster on an RTX 3070

| Setting | Old | New | Reason |
|---------|-----|-----|--------|
| train_batch_size | 48 | **32** | a power of two |
| eval_batch_size | 96 | **64** | twice the training batch |
| gradient_accumulation | 1 | **4** | a larger effective batch |

| Setting | Old | New |
|---------|-----|-----|
| optim | `adamw_torch` | **`adamw_bnb_8bit`** |

| Setting | Old | New |
|---------|-----|-----|
| fp16_opt_level | `O1` | **`O2`** |

| Setting | Old | New |
|---------|-----|-----|
| warmup_ratio | 0.2 (20%) | **0.05 (5%)** |
"""
FENCED = """# An RTX 3070 kept busy

```yaml
# BEFORE:
per_device_train_batch_size: 8
per_device_eval_batch_size: 16
gradient_accumulation_steps: 6

# AFTER:
per_device_train_batch_size: 24
per_device_eval_batch_size: 48
gradient_accumulation_steps: 2
```

```yaml
# BEFORE:
dataloader_num_workers: 8
dataloader_prefetch_factor: 4

# AFTER:
dataloader_num_workers: 2
dataloader_prefetch_factor: 2
```

```yaml
tf32: true
```
"""
OPTIONS = """# Cấu hình cho RTX 3070

### Cách A

```yaml
per_device_train_batch_size: 16
per_device_eval_batch_size: 32
gradient_accumulation_steps: 4
optim: "adamw_torch"
learning_rate: 2.0e-5
fp16: true
```

### Cách B

```yaml
per_device_train_batch_size: 32
per_device_eval_batch_size: 64
gradient_accumulation_steps: 4
optim: "adamw_bnb_8bit"
learning_rate: 2.5e-5
fp16: true
```
"""
CELL = ("--model", "bert-base-uncased", "--max-length", "128")


@pytest.fixture
def guide(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {"table.md": TABLE, "fenced.md": FENCED, "options.md": OPTIONS}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")


def diff(capsys, *words):
    assert run(["diff", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "kb-diff/2"
    return found, {change["setting"]: change for change in found["changes"]}


def on(change, topic):
    return [effect for effect in change["effects"] if effect["on"] == topic]


def line_of(text, words):
    return next(number for number, line in enumerate(text.splitlines(), start=1) if words in line)


def test_a_table_of_old_and_new_is_both_sides(guide, capsys):
    found, changes = diff(capsys, "table.md:6", *CELL)
    assert {name: (change["a"], change["b"]) for name, change in changes.items()} == {
        "per_device_train_batch_size": (48, 32),
        "per_device_eval_batch_size": (96, 64),
        "gradient_accumulation_steps": (1, 4),
    }
    assert found["effective_batch_size"] == [48, 128]
    assert changes["per_device_train_batch_size"]["memory_bytes"] < 0
    before, after = found["peak_reserved_bytes"]
    assert before > after
    assert found["base"][0] == "rtx-3070/bert-base-uncased/1t-128-full"
    assert on(changes["gradient_accumulation_steps"], "effective_batch")[0]["reference"] == "rule:effective-batch"
    assert on(changes["gradient_accumulation_steps"], "effective_batch")[0]["predicted"] is False
    assert on(changes["per_device_train_batch_size"], "speed")[0]["predicted"] is True
    assert on(changes["per_device_eval_batch_size"], "memory")[0]["reference"] == "rule:eval-batch"


def test_an_optimizer_in_8_bits_saves_what_the_remedy_says(guide, capsys):
    place = f"table.md:{line_of(TABLE, 'adamw_torch')}"
    _, changes = diff(capsys, place)
    assert (changes["optim"]["a"], changes["optim"]["b"]) == ("adamw_torch", "adamw_bnb_8bit")
    assert changes["optim"]["memory_bytes"] is None  # no batch, so nothing is predicted
    assert on(changes["optim"], "memory")[0]["reference"] == "remedy:8bit-optimizer"


def test_an_argument_that_is_gone_does_nothing(guide, capsys):
    _, changes = diff(capsys, f"table.md:{line_of(TABLE, 'opt_level')}")
    (effect,) = changes["fp16_opt_level"]["effects"]
    assert "nothing in transformers 5" in effect["text"]
    assert effect["reference"] == "source:transformers-releases"


def test_a_shorter_warm_up_follows_its_rule(guide, capsys):
    _, changes = diff(capsys, f"table.md:{line_of(TABLE, 'warmup')}")
    assert (changes["warmup_ratio"]["a"], changes["warmup_ratio"]["b"]) == (0.2, 0.05)
    assert "fewer" in on(changes["warmup_ratio"], "learning_rate")[0]["text"]


def test_a_fence_of_before_and_after_keeps_its_effective_batch(guide, capsys):
    found, changes = diff(capsys, "fenced.md:5", f"fenced.md:{line_of(FENCED, 'size: 24')}", *CELL)
    assert found["effective_batch_size"] == [48, 48]
    assert found["a"].endswith("(before)")
    assert found["b"].endswith("(after)")
    assert changes["per_device_train_batch_size"]["memory_bytes"] > 0
    assert on(changes["per_device_train_batch_size"], "learning_rate") == []
    assert "6 -> 2" in on(changes["gradient_accumulation_steps"], "speed")[0]["text"]


def test_workers_follow_the_rule_of_the_loader(guide, capsys):
    first, second = line_of(FENCED, "workers: 8"), line_of(FENCED, "workers: 2")
    _, changes = diff(capsys, f"fenced.md:{first}", f"fenced.md:{second}")
    assert on(changes["dataloader_num_workers"], "speed")[0]["reference"] == "rule:data-loader"
    _, changes = diff(capsys, f"fenced.md:{second}", f"fenced.md:{first}")
    assert "processor cores" in on(changes["dataloader_num_workers"], "speed")[0]["text"]


def test_what_one_side_adds_is_compared_with_what_transformers_has(guide, capsys):
    found, changes = diff(capsys, f"fenced.md:{line_of(FENCED, 'workers: 2')}", f"fenced.md:{line_of(FENCED, 'tf32')}")
    assert (changes["tf32"]["a"], changes["tf32"]["b"], changes["tf32"]["default"]) == (None, True, False)
    assert changes["dataloader_num_workers"]["b"] is None
    assert changes["dataloader_num_workers"]["default"] == 0
    assert on(changes["tf32"], "speed")[0]["reference"] == "rule:precision"
    assert found["effective_batch_size"] == [None, None]
    assert found["peak_reserved_bytes"] == [None, None]


def test_a_learning_rate_is_held_against_the_rule(guide, capsys):
    first, second = line_of(OPTIONS, "size: 16"), line_of(OPTIONS, "size: 64")
    found, changes = diff(capsys, f"options.md:{first}", f"options.md:{second}", *CELL)
    assert found["effective_batch_size"] == [64, 128]
    (effect,) = on(changes["learning_rate"], "learning_rate")
    assert effect["reference"] == "rule:sqrt-adam"
    assert "2.83e-5" in effect["text"]  # 2e-5 x sqrt(2)
    assert "88%" in effect["text"]
    assert changes["optim"]["memory_bytes"] < 0


def test_a_file_is_compared_with_a_recipe_on_what_it_says(guide, capsys):
    found, changes = diff(capsys, "rtx-3070/bert-base-uncased/1t-128-full", "options.md:7")
    assert "weight_decay" in found["only_in_recipe"]
    assert "weight_decay" not in changes
    assert found["peak_reserved_bytes"][0]
    assert found["peak_reserved_bytes"][1]
    assert found["base"][1] == "rtx-3070/bert-base-uncased/1t-128-full"


def test_an_exported_recipe_differs_in_nothing(guide, capsys, tmp_path):
    recipe = "rtx-3070/phobert-base/1t-256-full"
    for form, suffix in {"python": "py", "yaml": "yaml", "notebook": "ipynb", "args": "args"}.items():
        path = tmp_path / f"train.{suffix}"
        assert run(["export", recipe, "--format", form, "--output", str(path)]) == 0
        capsys.readouterr()
        found, changes = diff(capsys, recipe, str(path))
        assert changes == {}, form
        assert found["peak_reserved_bytes"][0] == found["peak_reserved_bytes"][1]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nothing.md", "table.md:6"), "KB453"),
        (("t4/biobert/8t-512-full",), "KB454"),
        (("table.md", "fenced.md"), "KB454"),
        (("table.md:1", "fenced.md:5"), "KB455"),
        (("options.md:7",), "KB454"),
        (("table.md:6", "--model", "nonsense", "--gpu", "t4"), "KB2"),
    ],
)
@pytest.mark.parametrize("language", ["en", "vi"])
def test_what_names_no_configuration_is_an_error(guide, words, code, language, capsys):
    assert run(["diff", *words, "--lang", language]) == 2
    captured = capsys.readouterr()
    assert code in captured.err
    assert captured.out == ""


def test_the_places_of_a_file_are_offered(guide, capsys):
    run(["diff", "options.md", "table.md:6"])
    error = capsys.readouterr().err
    assert "options.md:6" in error
    run(["diff", "options.md:1", "table.md:6"])
    assert "options.md:6" in capsys.readouterr().err


@pytest.mark.parametrize("language", ["en", "vi"])
def test_text_says_what_is_predicted_and_by_which_rule(guide, language, capsys):
    assert run(["diff", "table.md:6", *CELL, "--lang", language]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "rule:effective-batch" in text
    assert "rule:memory-estimate" in text
    assert ("predicted" if language == "en" else "dự đoán") in text
    assert "rtx-3070/bert-base-uncased/1t-128-full" in text


@pytest.mark.parametrize("value", ["auto", "-3", "[1, 2]", "1000000", "true"])
@pytest.mark.parametrize(
    "name",
    ["per_device_train_batch_size", "gradient_accumulation_steps", "learning_rate", "optim", "max_length", "bf16"],
)
def test_no_value_is_too_odd_to_compare(guide, name, value, capsys, tmp_path):
    (tmp_path / "odd.yaml").write_text(f"per_device_eval_batch_size: 8\nweight_decay: 0.1\n{name}: {value}\n")
    for words in (("odd.yaml", "options.md:7"), ("options.md:7", "odd.yaml")):
        assert run(["diff", *words, "--gpu", "t4", "--model", "bert-base-uncased", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["schema"] == "kb-diff/2"
