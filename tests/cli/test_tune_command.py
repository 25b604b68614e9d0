"""`kb tune` on a played card, and from prediction alone on this machine, which has none."""

import json
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from played_gpu import PlayedGpu
from recipe_kb.cli import tune
from recipe_kb.cli.machine import Device, Machine
from recipe_kb.cli.main import run
from recipe_kb.resolve.check import check
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.store import Store
from recipe_kb.tune import measure, neighbours

CELL = "t4/biobert/1t-512-full-speed"
QUESTION = ("--model", "biobert", "--gpu", "t4")


@pytest.fixture
def machine(monkeypatch):
    """Say which card is in this machine, by the name that its driver has for it."""

    def put(name, gpu_id):
        devices = (Device(name=name, total_bytes=2**34, gpu_id=gpu_id),) if name else ()
        here = Machine(
            python="3", system="", num_cores=2, memory_bytes=0, packages={}, devices=devices, gpu_reason=None
        )
        monkeypatch.setattr(tune, "inspect_machine", lambda _store: here)
        monkeypatch.setattr(neighbours, "used_by_others", lambda: 0)

    put(None, None)
    return put


@pytest.fixture
def play(machine, monkeypatch):
    """Put a played T4 into this machine."""

    def make(**nature):
        machine("Tesla T4", "t4")
        played = PlayedGpu(**nature)
        monkeypatch.setattr(measure, "probes", played.probes)
        return played

    return make


@pytest.fixture
def ask(capsys):
    def asked(*words):
        code = run(["tune", *map(str, words), "--json"])
        out, _err = capsys.readouterr()
        return code, json.loads(out) if out else None

    return asked


def test_a_card_that_is_not_here_is_answered_from_prediction(ask, machine):
    code, answer = ask(*QUESTION)
    assert (code, answer["schema"], answer["measured"], answer["num_probes"]) == (0, "kb-tune/1", False, 0)
    assert answer["why_predicted"] == "NVIDIA Tesla T4 is not in this machine"
    assert answer["recommended"]["per_device_train_batch_size"] == 32
    assert [row["fits"] for row in answer["batches"]] == [True] * 6
    assert all(row["measured"] is None for row in answer["batches"])
    machine("NVIDIA H200", "h200")
    assert "which has NVIDIA H200" in ask(*QUESTION)[1]["why_predicted"]


def test_the_prediction_says_why_the_largest(capsys, machine):
    assert run(["tune", *QUESTION]) == 0
    out = capsys.readouterr().out
    assert "Prediction only: NVIDIA Tesla T4 is not in this machine." in out
    assert "Batch 32 x 1 is the largest that is predicted to be safe" in out
    assert "rarely slower per sample" in out


def test_it_agrees_with_kb_predict(ask, machine, capsys):
    rows = {row["per_device_train_batch_size"]: row for row in ask(*QUESTION, "--scale-lr")[1]["batches"]}
    largest = max(batch for batch, row in rows.items() if row["fits"])
    words = ["--batch", str(largest), "--evaluation-batch", str(2 * largest), "--accumulation", "1"]
    assert run(["predict", "--gpu", "t4", "--model", "biobert", "--goal", "speed", *words, "--json"]) == 0
    predicted = json.loads(capsys.readouterr().out)
    assert predicted["peak_reserved_bytes"] == rows[largest]["predicted_reserved_bytes"]
    assert predicted["floor_s"] == rows[largest]["step_floor_s"]


def test_a_measured_answer(ask, play):
    played = play()
    code, answer = ask(*QUESTION)
    assert (code, answer["measured"], answer["num_probes"], answer["num_out_of_memory"]) == (0, True, 2, 0)
    assert played.asked == [32, 16]
    assert answer["recommended"] == {
        "per_device_train_batch_size": 32,
        "gradient_accumulation_steps": 1,
        "effective_batch_size": 32,
        "learning_rate": 3e-5,
    }
    measured = {row["per_device_train_batch_size"]: row["measured"] for row in answer["batches"]}
    assert measured[32]["unsafe"] is None
    assert measured[8] is None
    request = played.requests[0]
    assert (request.device, request.gpu_names[0]) == ("cuda", "Tesla T4")
    assert request.recipe.settings.per_device_train_batch_size == 32
    assert request.peak_tflops > 0


def test_the_effective_batch_grows_only_when_asked(ask, play):
    play()
    answer = ask(*QUESTION, "--scale-lr")[1]
    assert answer["recommended"]["per_device_train_batch_size"] > 32
    assert answer["recommended"]["learning_rate"] > 3e-5
    assert answer["settings"]["learning_rate"] == answer["recommended"]["learning_rate"]
    assert any("sqrt-adam" in note for note in answer["notes"])


@pytest.mark.parametrize("error", [0.08, 0.3, 0.9])
def test_predictions_that_are_too_low_cost_no_more_than_three_probes(ask, play, error):
    played = play(error=error)
    code, answer = ask(*QUESTION, "--scale-lr")
    assert len(played.asked) <= 3
    chosen = answer["recommended"]
    rows = {row["per_device_train_batch_size"]: row["measured"] for row in answer["batches"]}
    if chosen:
        assert code == 0
        assert rows[chosen["per_device_train_batch_size"]]["verdict"] == "passed"
    else:
        assert code == 1


def test_where_nothing_is_safe_it_says_so_and_writes_no_recipe(capsys, play, broken_kb, monkeypatch):
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    played = play(error=9.0)
    assert run(["tune", *QUESTION, "--record"]) == 1
    out, err = capsys.readouterr()
    assert "None of the 3 batches that were measured is safe." in out
    assert "out of memory" in out
    assert "KB241 Nothing is recorded" in err
    assert len(played.asked) == 3
    assert not (broken_kb / "evidence").exists()
    assert not (broken_kb / "recipes" / f"{CELL}.yaml").exists()


def test_what_cannot_be_trained_here_is_tried_once(capsys, play):
    played = play(verdicts={32: "unsupported"})
    assert run(["tune", *QUESTION]) == 3
    assert "the probe failed (unsupported it was)" in capsys.readouterr().out
    assert played.asked == [32]


def test_a_recorded_recipe_passes_the_check_and_is_what_kb_recipe_answers(ask, play, small_kb, monkeypatch):
    monkeypatch.setenv("KB_ROOT", str(small_kb))
    play()
    code, answer = ask(*QUESTION, "--scale-lr", "--record")
    assert code == 0
    store = Store(small_kb)
    problems, _ = check(store)
    assert [str(problem) for problem in problems if "biobert" in str(problem)] == []
    recipe = store.recipe(RecipeKey.parse(CELL))
    assert (recipe.origin, recipe.status) == ("tuned", "measured")
    assert recipe.settings.given() == answer["settings"]
    evidence = recipe.provenance["per_device_train_batch_size"].evidence
    assert (small_kb / evidence).is_file()
    assert answer["recorded"]["evidence"].endswith(evidence)


def test_without_its_evidence_the_recorded_recipe_would_fail_the_check(ask, play, small_kb, monkeypatch):
    monkeypatch.setenv("KB_ROOT", str(small_kb))
    play()
    ask(*QUESTION, "--record")
    for path in (small_kb / "evidence" / CELL).iterdir():
        path.unlink()
    said = "\n".join(map(str, check(Store(small_kb))[0]))
    assert "KB116" in said
    assert "KB106" in said


def test_a_tuned_recipe_is_replaced_and_the_search_starts_anew(ask, play, broken_kb, monkeypatch):
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    play()
    first = ask(*QUESTION, "--scale-lr", "--record")[1]
    second = ask(*QUESTION, "--scale-lr", "--record")[1]
    assert second["settings"] == first["settings"]
    assert second["effective_batch_size"] == 32
    assert len(list((broken_kb / "evidence" / CELL).iterdir())) == 2


def test_another_recipe_is_never_replaced(capsys, play, broken_kb, monkeypatch):
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    played = play()
    source = broken_kb / "recipes" / "t4" / "biobert" / "1t-512-full.yaml"
    target = broken_kb / "recipes" / f"{CELL}.yaml"
    target.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    before = target.read_text(encoding="utf-8")
    assert run(["tune", *QUESTION, "--record"]) == 2
    assert f"KB240 {CELL} has a recipe already, of origin guide" in capsys.readouterr().err
    assert target.read_text(encoding="utf-8") == before
    assert played.asked == []
    assert run(["tune", *QUESTION]) == 0


def test_a_probe_that_does_not_confirm_memory_makes_no_recipe(capsys, play, broken_kb, monkeypatch):
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    play(confirmed=("trains", "gradients_finite"))
    assert run(["tune", *QUESTION, "--record"]) == 1
    assert "KB241 No recipe is recorded" in capsys.readouterr().err
    assert len(list((broken_kb / "evidence" / CELL).iterdir())) == 1
    assert not (broken_kb / "recipes" / f"{CELL}.yaml").exists()


def test_a_result_is_not_lost_with_its_file(capsys, play, broken_kb, monkeypatch):
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    play()
    (broken_kb / "evidence").write_text("no folder")
    assert run(["tune", *QUESTION, "--record"]) == 3
    out, err = capsys.readouterr()
    assert "Batch 32 x 1 is the fastest safe one" in out
    assert "KB310" in err


def test_nothing_is_recorded_without_the_card(capsys, machine):
    assert run(["tune", *QUESTION, "--record"]) == 3
    assert "KB340 Nothing can be recorded: NVIDIA Tesla T4 is not in this machine" in capsys.readouterr().err


def test_without_a_gpu_auto_is_an_error(kb):
    result = kb("tune", "--model", "biobert", env={"CUDA_VISIBLE_DEVICES": ""})
    if result.returncode == 0:
        pytest.skip("this machine has a GPU")
    assert (result.returncode, result.stdout) == (3, "")
    assert "KB302" in result.stderr or "KB303" in result.stderr


def test_a_picture_of_what_was_measured(ask, play, tmp_path):
    play()
    path = tmp_path / "tune.svg"
    assert ask(*QUESTION, "--plot", path)[0] == 0
    words = " ".join(ET.parse(path).getroot().itertext())  # noqa: S314 - we made it
    assert "Batch 32 x 1 is the fastest safe one: 88.9 samples per second" in words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--gpu", "t44", "--model", "biobert"), "KB201 Unknown GPU 't44'. Did you mean t4?"),
        ((*QUESTION, "--precision", "bf16"), "KB213 NVIDIA Tesla T4 has no bf16"),
        ((*QUESTION, "--max-length", "513"), "KB204 biobert takes at most 512 tokens"),
        ((*QUESTION, "--effective-batch", "0"), "KB206 Invalid value for '--effective-batch'"),
        ((*QUESTION, "--plot", "tune.png"), "KB216 --plot writes SVG"),
        ((*QUESTION, "--tasks", "65"), "KB206 Invalid value for '--tasks'"),
        (("--gpu", "t4"), "KB206 Missing option '--model'"),
    ],
)
def test_mistakes_are_named(capsys, machine, words, said):
    assert run(["tune", *words]) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert out == ""


def test_where_nothing_fits_it_says_what_would(capsys, machine):
    assert run(["tune", "--gpu", "t4", "--model", "llama-3.2-3b"]) == 1
    assert "KB210" in capsys.readouterr().err


def test_without_torch_it_says_what_to_install(capsys, play, monkeypatch):
    play()
    monkeypatch.setattr(tune, "find_spec", lambda name: None if name == "torch" else object())
    assert run(["tune", *QUESTION]) == 3
    assert "KB301" in capsys.readouterr().err


def test_what_others_hold_is_said(ask, play, monkeypatch):
    play()
    monkeypatch.setattr(neighbours, "used_by_others", lambda: 2 * 2**30)
    answer = ask(*QUESTION)[1]
    assert answer["used_by_others_bytes"] == 2 * 2**30
    assert any("2.00 GiB of the card" in note for note in answer["notes"])
    monkeypatch.setattr(neighbours, "used_by_others", lambda: None)
    assert ask(*QUESTION)[1]["used_by_others_bytes"] == 0


def test_the_table_speaks_vietnamese(capsys, play):
    play()
    assert run(["tune", *QUESTION, "--lang", "vi"]) == 0
    out = capsys.readouterr().out
    assert "88,9" in out


def test_a_prediction_needs_no_torch():
    code = (
        "import sys; from recipe_kb.cli.main import run; "
        "run(['tune', '--gpu', 'h100', '--model', 'biobert', '--json']);"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed.splitlines()[-1] == "[]"


def test_the_effective_batch_that_was_asked_for_is_kept(ask, machine):
    answer = ask(*QUESTION, "--effective-batch", 48)[1]
    assert {row["effective_batch_size"] for row in answer["batches"]} == {48}
    assert answer["effective_batch_size"] == 48
