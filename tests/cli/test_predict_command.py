"""`kb predict`: the verdict, the figures, what is refused, and that stored and fresh traces agree."""

import json
import re
import shlex
from xml.etree import ElementTree as ET

import pytest

from recipe_kb.cli import predict
from recipe_kb.cli.main import run
from recipe_kb.memory.predict import MARGIN
from recipe_kb.resolve.traced import counted_length
from recipe_kb.tracing import question
from recipe_kb.tracing.question import DRAWN_MICRO_BATCHES, NUM_DRAWS, drawn_lengths

RECIPE = "t4/biobert/8t-512-full"
KEYS = (
    "schema recipe gpu model settings changes peak_allocated_bytes peak_reserved_bytes device_used_bytes interval fits "
    "limit_bytes margin largest_batch breakdown floor_s floor flops versions source notes"
)


@pytest.fixture
def ask(capsys):
    """Run `kb predict --json` in this process; return exit code and answer."""

    def ask(*words):
        code = run(["predict", *map(str, words), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return ask


def test_a_prediction_as_text(kb):
    result = kb("predict", RECIPE)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for words in (
        "dmis-lab/biobert-v1.1 · NVIDIA Tesla T4 · 8 tasks · 512 tokens · full · batch 32",
        "recipe t4/biobert/8t-512-full",
        "GiB of 14.56 GiB are used",
        "What lives at the peak",
        "activations",
        "largest batch",
        "bound by compute",
        "transformers 5.23.0",
        "kb validate t4/biobert/8t-512-full",
    ):
        assert words in result.stdout
    bars = re.findall(r"^  (.+?)  +([\d.]+) GiB +[█▏▎▍▌▋▊▉]+$", result.stdout, re.MULTILINE)
    *parts, used, total = [float(size) for _, size in bars]
    assert sum(parts) == pytest.approx(used, abs=0.04)
    assert used < total == 14.56


def test_a_prediction_in_vietnamese(kb):
    english = kb("predict", RECIPE, "--batch", 64, "--evaluation-samples", 100).stdout
    vietnamese = kb("predict", RECIPE, "--batch", 64, "--evaluation-samples", 100, "--lang", "vi").stdout
    shared = {line.strip() for line in english.splitlines()} & {line.strip() for line in vietnamese.splitlines()}
    assert not [line for line in shared if line and not line.startswith(("CUDA context", "peft"))]
    assert "14,56 GiB" in vietnamese
    assert "per_device_train_batch_size 32 -> 64" in vietnamese  # what people copy is never localised


def test_quiet_leaves_the_advice_out(kb):
    assert "Next" in kb("predict", RECIPE).stdout
    assert "Next" not in kb("predict", RECIPE, "--quiet").stdout


def test_training_is_advised_for_the_recipe_as_it_is_only(kb):
    assert f"kb validate {RECIPE}" in kb("predict", RECIPE).stdout
    assert "kb validate" not in kb("predict", RECIPE, "--max-length", 256).stdout
    assert "kb validate" not in kb("predict", RECIPE, "--gpu", "3090").stdout


def test_the_json_contract(ask):
    code, answer = ask(RECIPE)
    assert code == 0
    assert set(KEYS.split()) <= set(answer)
    assert answer["schema"] == "kb-predict/1"
    assert (answer["recipe"], answer["source"], answer["changes"]) == (RECIPE, "stored", {})
    assert sum(answer["breakdown"].values()) == answer["device_used_bytes"]
    assert answer["device_used_bytes"] == answer["peak_reserved_bytes"] + answer["breakdown"]["context"]
    assert answer["peak_allocated_bytes"] <= answer["peak_reserved_bytes"] < answer["limit_bytes"]
    low, high = answer["interval"]
    assert low < answer["peak_reserved_bytes"] < high
    assert answer["limit_bytes"] + answer["breakdown"]["context"] == answer["total_bytes"]
    assert answer["fits"] == (answer["peak_reserved_bytes"] * (1 + MARGIN) <= answer["limit_bytes"])
    assert answer["floor_s"] == answer["floor"]["seconds"] == pytest.approx(answer["flops"] / 65e12)
    assert set(answer["versions"]) == {"torch", "transformers", "peft"}
    vietnamese = ask(RECIPE, "--lang", "vi")[1]
    assert {name: value for name, value in vietnamese.items() if value != answer[name]} == {
        "notes": vietnamese["notes"]
    }


def test_it_says_the_same_as_kb_recipe(ask, capsys):
    answer = ask(RECIPE)[1]
    run(["recipe", "--gpu", "t4", "--model", "biobert", "--tasks", "8", "--json"])
    recipe = json.loads(capsys.readouterr().out)
    assert answer["settings"] == recipe["settings"]
    for name in ("peak_reserved_bytes", "interval", "limit_bytes", "fits"):
        assert answer[name] == recipe["memory"][name]


def test_an_evaluation_can_be_left_out(ask):
    with_it, without = ask(RECIPE)[1], ask(RECIPE, "--evaluation-batch", 0)[1]
    assert without["peak_reserved_bytes"] < with_it["peak_reserved_bytes"]
    assert any("evaluation" in note for note in with_it["notes"])
    assert not any("evaluation" in note for note in without["notes"])


def test_the_cell_and_its_id_are_the_same_question(ask):
    by_id, by_cell = ask(RECIPE)[1], ask("--gpu", "T4", "--model", "dmis-lab/biobert-v1.1", "--tasks", 8)[1]
    assert by_id == by_cell


def test_the_largest_batch_fits_and_one_row_more_does_not(ask):
    code, answer = ask(RECIPE, "--batch", 200)
    assert (code, answer["fits"]) == (1, False)
    largest = answer["largest_batch"]
    assert ask(RECIPE, "--batch", largest)[0] == 0
    assert ask(RECIPE, "--batch", largest + 1)[0] == 1


@pytest.mark.slow
def test_what_does_not_fit_names_the_command_that_does(kb):
    result = kb("predict", RECIPE, "--batch", 200, "--dynamic-padding")
    assert result.returncode == 1
    assert "Does not fit" in result.stdout
    command = next(
        line for line in result.stdout.splitlines() if "the largest batch that fits" in line and "kb " in line
    )
    words = shlex.split(command.split("  the largest")[0])
    assert words[:3] == ["kb", "predict", RECIPE]
    assert "--dynamic-padding" in words
    assert kb(*words[1:]).returncode == 0


def test_changes_are_named_and_everything_else_is_the_recipe(ask):
    recipe = ask(RECIPE)[1]["settings"]
    changed = ("--batch", 8, "--accumulation", 4, "--gradient-checkpointing", "--optim", "adamw_torch_fused")
    answer = ask(RECIPE, *changed)[1]
    assert answer["changes"] == {
        "per_device_train_batch_size": {"recipe": 32, "asked": 8},
        "gradient_accumulation_steps": {"recipe": 1, "asked": 4},
        "gradient_checkpointing": {"recipe": False, "asked": True},
    }
    new = {name: change["asked"] for name, change in answer["changes"].items()}
    assert answer["settings"] == recipe | new
    assert ask("t4/biobert/2-3t-512-full", "--max-length", 64, "--mixing", "joint")[1]["changes"] == {
        "max_length": {"recipe": 512, "asked": 64},
        "task_mixing": {"recipe": "interleaved", "asked": "joint"},
    }


def test_another_card_and_another_length_for_the_same_recipe(ask):
    here, there = ask(RECIPE)[1], ask(RECIPE, "--gpu", "3090", "--max-length", 256)[1]
    assert (there["recipe"], there["gpu"], there["max_length"]) == (RECIPE, "rtx-3090", 256)
    assert there["settings"] == here["settings"]
    assert there["changes"] == {
        "gpu": {"recipe": "t4", "asked": "rtx-3090"},
        "max_length": {"recipe": 512, "asked": 256},
    }
    assert ask(RECIPE, "--gpu", "t4", "--max-length", 512)[1] == here
    assert there["peak_allocated_bytes"] < here["peak_allocated_bytes"]
    assert there["total_bytes"] > here["total_bytes"]


def test_a_card_known_by_its_size_has_no_floor(ask):
    answer = ask("--vram", 8, "--model", "biobert")[1]
    assert answer["gpu"] == "vram-8gb"
    assert answer["floor_s"] is answer["floor"] is None
    assert any("estimated" in note for note in answer["notes"])


def test_where_nothing_fits_it_is_still_predicted(ask):
    code, answer = ask("--gpu", "t4", "--model", "llama-3.2-3b")
    assert (code, answer["fits"], answer["largest_batch"]) == (1, False, 0)
    assert answer["settings"]["per_device_train_batch_size"] == 1
    assert answer["settings"]["precision"] == "fp16"  # the card's, not that of the card on which it would fit
    assert answer["device_used_bytes"] > answer["total_bytes"]
    assert any("finds nothing that fits" in note for note in answer["notes"])


def test_a_refuted_recipe_is_predicted_and_said_to_be_refuted(ask):
    code, answer = ask("a100-40gb/llama-3.2-3b/1t-512-full")
    assert code == 1
    assert any("refuted" in note for note in answer["notes"])


@pytest.mark.slow
def test_drawn_lengths_widen_the_interval_and_change_nothing_else(ask):
    fixed, dynamic = ask(RECIPE)[1], ask(RECIPE, "--dynamic-padding")[1]
    assert dynamic["peak_reserved_bytes"] == fixed["peak_reserved_bytes"]
    assert dynamic["interval"][1] > fixed["interval"][1]
    assert any("12.5%" in note for note in dynamic["notes"])


def test_drawn_lengths_are_always_the_same_and_within_what_is_said():
    draws = drawn_lengths(rows=4, length=512)
    assert draws == drawn_lengths(rows=4, length=512)
    assert [len(run) for run in draws] == [DRAWN_MICRO_BATCHES] * NUM_DRAWS
    lengths = [length for run in draws for length in run]
    assert all(64 <= length == counted_length(length) <= 512 for length in lengths)
    assert len(set(lengths)) > 10
    of_many_rows = [length for run in drawn_lengths(rows=64, length=512) for length in run]
    assert sum(of_many_rows) > sum(lengths)  # the longest of more rows is longer


@pytest.mark.slow
def test_kept_logits_grow_with_the_samples(ask):
    cell = ("--gpu", "a100-80gb", "--model", "qwen2.5-0.5b", "--batch", 1, "--evaluation-batch", 1)
    few, many = (ask(*cell, "--evaluation-samples", samples)[1] for samples in (32, 64))
    vocabulary, length = 151_936, 512
    logits = 32 * vocabulary * length * 4
    # The old ones, the new ones and both together exist at once.
    assert many["peak_allocated_bytes"] - few["peak_allocated_bytes"] == pytest.approx(2 * logits, rel=0.05)
    assert many["breakdown"]["logits"] > few["breakdown"]["logits"]
    assert many["evaluation"] == {"batch": 1, "samples_kept": 64}


def test_another_version_widens_the_interval(ask, monkeypatch):
    same = ask(RECIPE)[1]
    monkeypatch.setattr(question, "installed", lambda package: "5.99.0" if package == "transformers" else None)
    other = ask(RECIPE)[1]
    low, high = other["interval"]
    assert (low, high) == (
        pytest.approx(same["interval"][0] - 0.05 * same["interval"][0] / 0.98, rel=1e-3),
        pytest.approx(same["interval"][1] + 0.05 * same["interval"][1] / 1.02, rel=1e-3),
    )
    assert any("5.23.0" in note for note in other["notes"])


def test_a_stored_step_and_a_fresh_trace_agree(ask):
    for words in ((RECIPE,), (RECIPE, "--batch", 1, "--accumulation", 2)):
        stored, traced = ask(*words)[1], ask(*words, "--trace")[1]
        assert (stored["source"], traced["source"]) == ("stored", "traced")
        for name in ("peak_allocated_bytes", "peak_reserved_bytes", "flops"):
            assert traced[name] == pytest.approx(stored[name], rel=0.005)
        assert traced["largest_batch"] == stored["largest_batch"]


@pytest.mark.parametrize(
    "words",
    [
        ("--mixing", "joint", "--batch", 4),
        ("--loop", "bare"),
        ("--no-padding",),
    ],
)
def test_what_no_stored_step_answers_is_traced(ask, words):
    code, answer = ask("t4/biobert/2-3t-512-full", "--max-length", 64, *words)
    assert (code, answer["source"]) == (0, "traced")
    assert sum(answer["breakdown"].values()) == answer["device_used_bytes"]


@pytest.mark.slow
def test_it_says_on_standard_error_that_it_traces(kb):
    result = kb("predict", RECIPE, "--max-length", 64, "--trace")
    assert result.stderr == "Tracing one training step of t4/biobert/8t-512-full ...\n"
    assert kb("predict", RECIPE, "--max-length", 64, "--trace", "--quiet").stderr == ""


def test_a_picture(ask, tmp_path):
    path = tmp_path / "memory.svg"
    answer = ask(RECIPE, "--plot", path)[1]
    root = ET.parse(path).getroot()  # noqa: S314 - we made it
    words = " ".join(root.itertext())
    assert "dmis-lab/biobert-v1.1 · NVIDIA Tesla T4" in words
    assert f"{answer['breakdown']['activations'] / 2**30:.2f} GiB" in words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((RECIPE, "--batch", 0), "KB206 Invalid value for '--batch': 0 is not in the range"),
        ((RECIPE, "--batch", -3), "KB206 Invalid value for '--batch'"),
        ((RECIPE, "--max-length", 513), "KB204 biobert takes at most 512 tokens (got --max-length 513)"),
        (("--gpu", "t4", "--model", "biobert", "--max-length", 513), "KB204 biobert takes at most 512 tokens"),
        (
            (RECIPE, "--precision", "bf16"),
            "KB213 NVIDIA Tesla T4 has no bf16 (got precision bf16); expected --precision",
        ),
        ((RECIPE, "--tf32"), "KB213 NVIDIA Tesla T4 has no TF32"),
        (("l4/phobert-base/1t-256-full", "--gpu", "t4"), "KB213 NVIDIA Tesla T4 has no bf16"),
        ((RECIPE, "--attention", "flash_attention_2"), "'flash_attention_2' is not one of 'eager', 'sdpa'"),
        ((RECIPE, "--lora-r", 8), "KB214 --lora-r is about adapters"),
        (("t4/biobert/1t-512-full", "--mixing", "joint"), "KB214 --mixing"),
        ((RECIPE, "--dynamic-padding", "--no-padding"), "KB214 --dynamic-padding and --no-padding"),
        ((RECIPE, "--evaluation-batch", 0, "--evaluation-samples", 9), "KB214 --evaluation-samples"),
        (("--vram", 8, "--model", "biobert", "--method", "qlora", "--precision", "fp32"), "KB214 Method qlora"),
        ((RECIPE, "--plot", "no/such/folder/memory.svg"), "memory.svg: KB216 --plot: there is no folder"),
        ((RECIPE, "--plot", "memory.png"), "memory.png: KB216 --plot writes SVG"),
        ((RECIPE, "--method", "lora"), "KB207 A recipe id says --method already; leave it out, or leave the id out."),
        ((RECIPE, "--method", "lora"), "-> kb predict --gpu t4 --model biobert --tasks 8 --method lora"),
        (
            ("t4/biobert/2-3t-512-full", "--model", "phobert", "--vram", 8, "--goal", "speed"),
            "-> kb predict --vram 8 --model phobert-base --tasks 2 --goal speed",
        ),
        (
            (RECIPE, "--max-length", 128, "--tasks", 3),
            "-> kb predict --gpu t4 --model biobert --tasks 3 --max-length 128",
        ),
        ((), "KB207 Name a recipe by its id"),
        (("--model", "biobert"), "KB207 Name the card with --gpu"),
        (("--gpu", "t4"), "KB207 Name the network with --model. -> kb list models"),
        (("--vram", 8), "KB207 Name the network with --model. -> kb list models"),
        (("--gpu", "t44", "--model", "biobert"), "KB201 Unknown GPU 't44'. Did you mean t4?"),
        (("--gpu", "t4", "--model", "bioberrt"), "Did you mean biobert"),
        (("t4/biobert/8t-512-ful",), "KB208"),
        ((RECIPE, "--optim", "adam"), "'adam' is not one of"),
    ],
)
def test_mistakes_are_named(capsys, words, said):
    assert run(["predict", *map(str, words)]) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert "->" in err
    assert out == ""


def test_an_optimizer_whose_kernels_the_card_lacks(capsys, broken_kb, monkeypatch):
    path = broken_kb / "gpus" / "t4.yaml"
    path.write_text(path.read_text().replace("bnb_8bit_optimizer: true", "bnb_8bit_optimizer: false"))
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    assert run(["predict", RECIPE, "--optim", "paged_adamw_8bit"]) == 2
    said = "KB213 bitsandbytes has no 8-bit kernels for NVIDIA Tesla T4 (got optim paged_adamw_8bit)"
    assert said in capsys.readouterr().err


def test_a_recipe_with_an_attention_kernel_that_is_not_predicted(capsys, broken_kb, monkeypatch):
    path = broken_kb / "recipes" / f"{RECIPE}.yaml"
    path.write_text(path.read_text().replace("attn_implementation: sdpa", "attn_implementation: flash_attention_2"))
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    assert run(["predict", RECIPE]) == 2
    said = "KB215 Memory of attention kernel flash_attention_2 is not predicted; expected eager or sdpa"
    assert said in capsys.readouterr().err
    assert run(["predict", RECIPE, "--attention", "sdpa"]) == 0


def test_only_attention_kernels_that_are_predicted_are_offered(kb):
    text = kb("predict", "--help").stdout
    assert "[eager|sdpa]" in text
    assert "flash" not in text
    assert "flex" not in text


def test_all_mistakes_are_said_at_once(capsys):
    assert run(["predict", RECIPE, "--precision", "bf16", "--tf32", "--lora-r", "8", "--plot", "x.png"]) == 2
    assert re.findall(r"KB\d+", capsys.readouterr().err) == ["KB213", "KB213", "KB214", "KB216"]


@pytest.mark.parametrize("words", [(), ("--trace",)])
def test_an_attention_kernel_that_the_network_lacks(capsys, words):
    cell = ["--gpu", "l4", "--model", "deberta-v3-base", "--attention", "sdpa"]
    assert run(["predict", *cell, *words]) == 2
    error = capsys.readouterr().err
    assert "KB217 deberta-v3-base cannot be trained so: transformers does not build it" in error
    assert "kb show deberta-v3-base" in error


def test_without_torch_it_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr(predict, "find_spec", lambda name: None if name == "torch" else object())
    assert run(["predict", RECIPE, "--trace"]) == 3
    error = capsys.readouterr().err
    assert "KB301" in error
    assert "torch" in error
    assert "pip install 'recipe-kb[probe]'" in error
    assert run(["predict", RECIPE]) == 0  # what is stored needs none of it


def test_what_cannot_be_traced_is_named(capsys, monkeypatch):
    def failing(*_args):
        raise question.TraceFailedError("aten::strange")

    monkeypatch.setattr(question, "traced_question", failing)
    assert run(["predict", RECIPE, "--trace"]) == 3
    assert (
        "KB304 The training step cannot be traced with the packages installed here: aten::strange."
        in capsys.readouterr().err
    )


def test_a_picture_that_cannot_be_written_after_all(capsys, tmp_path, monkeypatch):
    path = tmp_path / "memory.svg"
    path.symlink_to(tmp_path / "gone" / "memory.svg")
    assert run(["predict", RECIPE, "--plot", str(path)]) == 2
    assert "KB216 --plot: No such file or directory. -> kb predict --help" in capsys.readouterr().err


def test_logits_that_are_kept_name_their_remedy_and_what_tensors_need(kb):
    result = kb("predict", "vram-16gb/qwen2.5-0.5b/1t-2048-full", "--evaluation-samples", 64, "--json")
    document = json.loads(result.stdout)
    logits = 64 * 2048 * 151_936 * 4
    assert document["breakdown"]["logits"] == pytest.approx(2 * logits, rel=0.05)  # the old block and the new one
    said = " ".join(document["notes"])
    for word in ("compute_metrics", "preprocess_logits_for_metrics", "eval_accumulation_steps", "153.92 GiB"):
        assert word in said
    text = kb("predict", "vram-16gb/qwen2.5-0.5b/1t-2048-full", "--evaluation-samples", 64).stdout
    assert "Does not fit: at least 154.46 GiB are needed" in text
