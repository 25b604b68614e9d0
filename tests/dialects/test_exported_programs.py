"""What is exported trains what the probe trains: same rows, two real steps, and then the same weights."""

import dataclasses
import json
import os
import runpy
import subprocess
import sys

import nbformat
import pytest
import torch
from jobs import NUM_STEPS, in_order, job_with, probe_weights, rows_of, save_pretrained, write_rows
from nbclient import NotebookClient
from safetensors.torch import load_file

from recipe_kb.dialects import notebook, notebook_launch, program, python_script, shell_script
from recipe_kb.dialects.job import Rung

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft's
CELLS = [
    ("encoder", 1, "full"),
    ("encoder", 3, "full"),
    ("encoder", 1, "lora"),
    ("encoder", 2, "lora"),
    ("decoder", 1, "full"),
    ("decoder", 1, "lora"),
]


def prepare(job, folder):
    """Write a checkpoint and rows; return the checkpoint, and where a program finds all."""
    weights = save_pretrained(job, folder / "weights")
    num_micro_batches = NUM_STEPS * job.settings.gradient_accumulation_steps
    write_rows(rows_of(job, num_micro_batches), folder / "train.jsonl")
    write_rows(rows_of(job, job.tasks), folder / "eval.jsonl")
    return weights, {
        "MODEL": str(weights),
        "TRAIN_FILE": str(folder / "train.jsonl"),
        "EVAL_FILE": str(folder / "eval.jsonl"),
        "OUTPUT_DIR": str(folder / "output"),
        "MAX_STEPS": str(NUM_STEPS),
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHON": sys.executable,
    }


def run_here(text, folder, environ, monkeypatch):
    """Run a program in this process, which has imported torch already."""
    script = folder / "train.py"
    script.write_text(text)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    runpy.run_path(str(script), run_name="__main__")
    (path,) = (folder / "output").glob("*.safetensors")
    return load_file(path)


def by_parameter(saved):
    """Name what peft saved as it names parameters."""
    kept = {
        name.replace(".lora_A.", ".lora_A.default.").replace(".lora_B.", ".lora_B.default."): name for name in saved
    }
    return {
        name.replace("model.classifier.", "model.classifier.modules_to_save.default."): saved[old]
        for name, old in kept.items()
    }


def differing(saved, probed):
    assert probed
    return [name for name, value in probed.items() if not torch.equal(saved[name], value)]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(map(str, cell)))
def test_the_program_trains_to_the_very_weights_of_the_probe(cell, tmp_path, monkeypatch, capsys):
    job = job_with(*cell)
    weights, environ = prepare(job, tmp_path)
    saved = run_here(in_order(python_script.write(job)), tmp_path, environ, monkeypatch)
    assert "eval_loss" in capsys.readouterr().out
    if job.key.method == "lora" and job.tasks == 1:  # else it is no peft network that is saved, but one that holds it
        saved = by_parameter(saved)
    assert differing(saved, probe_weights(job, weights, tmp_path / "probe")) == []


def test_without_the_mend_the_weights_are_others(tmp_path, monkeypatch):
    """The control: the comparison can fail, and it fails for the reason that the mend is there for."""
    job = job_with()
    weights, environ = prepare(job, tmp_path)
    text = in_order(python_script.write(job)).replace('"accepts_loss_kwargs": False,', "")
    saved = run_here(text, tmp_path, environ, monkeypatch)
    assert differing(saved, probe_weights(job, weights, tmp_path / "probe"))


@pytest.mark.slow
def test_the_shell_script_trains_to_the_very_weights_of_the_probe(tmp_path):
    job = job_with("encoder", 2, "lora")
    weights, environ = prepare(job, tmp_path)
    script = tmp_path / "train.sh"
    text = shell_script.write(job)
    script.write_text(f"{text.rstrip()} \\\n  --train_sampling_strategy sequential\n")
    environ = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"} | environ
    result = subprocess.run(
        ["bash", str(script)], env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert "eval_loss" in result.stdout
    (path,) = (tmp_path / "output").glob("*.safetensors")
    assert differing(load_file(path), probe_weights(job, weights, tmp_path / "probe")) == []


@pytest.mark.slow
@pytest.mark.parametrize("family", ["encoder", "decoder"])
def test_the_notebook_runs_from_top_to_bottom(family, tmp_path, monkeypatch):
    job = job_with(family, 2 if family == "encoder" else 1)
    weights, environ = prepare(job, tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    document = nbformat.reads(in_order_of_notebook(notebook.write(job)), as_version=4)
    nbformat.validate(document)
    NotebookClient(document, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = json.dumps(document)
    assert "eval_loss" in shown
    assert "Settings changed: none" in shown
    (path,) = (tmp_path / "output").glob("*.safetensors")
    assert differing(load_file(path), probe_weights(job, weights, tmp_path / "probe")) == []


def in_order_of_notebook(text):
    document = json.loads(text)
    for cell in document["cells"]:
        source = "".join(cell["source"])
        if source.startswith("MAX_LENGTH"):
            cell["source"] = in_order(source)
    return json.dumps(document)


def test_a_notebook_takes_the_rung_that_the_card_has_room_for_and_the_next_when_memory_runs_out(tmp_path, monkeypatch):
    job = job_with()
    cells = ["".join(cell["source"]) for cell in json.loads(notebook.write(job))["cells"]]
    gpu_cell = next(source for source in cells if "LADDER = " in source)
    train_cell = cells[-1]
    card = type("Card", (), {"name": "Small", "total_memory": 2**30 - 1, "major": 7})

    class Cuda:
        OutOfMemoryError = torch.cuda.OutOfMemoryError
        is_available = staticmethod(lambda: True)
        get_device_properties = staticmethod(lambda _index: card)
        empty_cache = staticmethod(lambda: None)

    space = {"json": json, "torch": type("Torch", (), {"cuda": Cuda}), "MAX_LENGTH": 16, "TRAINING_ARGUMENTS": {}}
    exec(gpu_cell, space)  # noqa: S102 - our own cell
    assert space["first"] == 1
    assert space["MAX_LENGTH"] == 8
    lengths = []

    def out_of_memory_at_first():
        lengths.append(space["MAX_LENGTH"])
        if len(lengths) == 1:
            raise torch.cuda.OutOfMemoryError
        return "scores"

    card.total_memory, space["MAX_LENGTH"] = 2**40, 16
    exec(gpu_cell, space)  # noqa: S102
    assert space["first"] == 0
    space["run"] = out_of_memory_at_first
    exec(train_cell, space)  # noqa: S102
    assert lengths == [16, 8]
    assert space["scores"] == "scores"


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(map(str, cell)))
def test_programs_need_no_formatter(cell, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(python_script.write(job_with(*cell)))
    ruff = [sys.executable, "-m", "ruff"]
    for check in (["format", "--check", "--line-length", "120"], ["check", "--select", "E4,E7,E9,F,W"]):
        found = subprocess.run([*ruff, *check, "--isolated", str(script)], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout


def test_words_are_tokenized_and_made_up_rows_train_too(tmp_path, monkeypatch, capsys):
    job = job_with("encoder", 2)
    weights, environ = prepare(job, tmp_path)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "aspi", "##rin", "helps"]
    from transformers import BertTokenizer

    BertTokenizer(vocab={word: index for index, word in enumerate(vocabulary)}).save_pretrained(weights)
    space = space_of(job, environ | {"TRAIN_FILE": str(tmp_path / "none.jsonl")}, tmp_path, monkeypatch)
    assert space["encode"]({"tokens": ["aspirin", "helps"], "labels": [1, 0]}) == {
        "task": 0,
        "input_ids": [2, 5, 6, 7, 3],
        "labels": [-100, 1, -100, 0, -100],
    }
    assert "eval_loss" in space["run"]()
    assert "made up" in capsys.readouterr().out


def test_rows_of_an_unknown_task_stop_the_program(tmp_path, monkeypatch):
    job = job_with("encoder", 2)
    _, environ = prepare(job, tmp_path)
    (tmp_path / "train.jsonl").write_text('{"task": 2, "input_ids": [5], "labels": [0]}')
    space = space_of(job, environ, tmp_path, monkeypatch)
    with pytest.raises(SystemExit, match="tasks 0 to 1, got"):
        space["run"]()


def space_of(job, environ, folder, monkeypatch):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    script = folder / "library.py"
    script.write_text(python_script.write(job))
    return runpy.run_path(str(script))


def test_batches_hold_one_task_and_every_epoch_has_another_order(tmp_path, monkeypatch):
    job = job_with("encoder", 2)
    _, environ = prepare(job, tmp_path)
    tasks = [0] * 7 + [1] * 3
    sampler = space_of(job, environ, tmp_path, monkeypatch)["OneTaskABatch"](tasks, 2, shuffle=True)
    epochs = [list(sampler) for _ in range(3)]
    for rows in epochs:
        assert len(rows) == len(sampler) == 8 + 4
        assert set(rows) == set(range(10))
        assert all(tasks[first] == tasks[second] for first, second in zip(rows[::2], rows[1::2], strict=True))
    assert epochs[0] != epochs[1] != epochs[2]


def test_joint_mixing_is_refused():
    job = job_with("encoder", 2)
    from dataclasses import replace

    assert program.why_not(job) is None
    assert "in turn" in program.why_not(replace(job, recipe=replace(job.recipe, task_mixing="joint")))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["python", "shell", "notebook"])
def test_two_processes_take_the_step_of_one_with_all_rows(form, tmp_path, monkeypatch):
    """All processes work on the same task at a time, each on its own rows, so the gradient is that of one.

    Without the dropout of the heads, which each process draws by itself. The learning rate is large, so that a step is
    not lost in the rounding of the weights. Processes that trained apart, each on the same rows, would be a fifth off.
    """
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda _self, hidden: hidden)
    plain = {
        "optim": "sgd",
        "lr_scheduler_type": "constant",
        "warmup_ratio": 0.0,
        "weight_decay": 0.0,
        "learning_rate": 0.1,
    }
    job = job_with("encoder", 2, num_gpus=2, per_device_train_batch_size=2, **plain)
    alone = job_with("encoder", 2, per_device_train_batch_size=4, **plain)
    weights, environ = prepare(alone, tmp_path)
    # Without GPUs accelerate joins processes only if the CPU is asked for.
    environ |= {"ACCELERATE_USE_CPU": "true", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    run_several(form, job, tmp_path, environ, monkeypatch)
    (path,) = (tmp_path / "output").glob("*.safetensors")
    (start_path,) = weights.glob("*.safetensors")
    saved, start = load_file(path), load_file(start_path)
    probed = probe_weights(alone, weights, tmp_path / "probe")
    inside = [name for name in probed if name.removeprefix("encoder.") in start]
    assert len(inside) > 30
    found, expected = (
        torch.cat([(one[name] - start[name.removeprefix("encoder.")]).flatten() for name in inside])
        for one in (saved, probed)
    )
    assert ((found - expected).norm() / expected.norm()).item() < 1e-4


def run_several(form, job, folder, environ, monkeypatch):
    """Start what was exported as its first lines say."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
    if form == "notebook":
        document = nbformat.reads(in_order_of_program(without_dropout(notebook.write(job))), as_version=4)
        nbformat.validate(document)
        NotebookClient(document, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
        assert "eval_loss" in json.dumps(document)
        return
    if form == "python":
        (folder / "train.py").write_text(in_order(without_dropout(python_script.write(job))))
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "train.py"]
        assert "torchrun --nproc_per_node 2 train.py" in python_script.write(job)
    else:
        text = without_dropout(shell_script.write(job)).rstrip()
        (folder / "train.sh").write_text(f"{text} \\\n  --train_sampling_strategy sequential\n")
        command = ["bash", "train.sh"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr[-3000:]


def without_dropout(text):
    assert "nn.Dropout(0.1)" in text
    return text.replace("nn.Dropout(0.1)", "nn.Identity()")


def in_order_of_program(text):
    document = json.loads(text)
    for cell in document["cells"]:
        source = "".join(cell["source"])
        if source.startswith("%%writefile"):
            cell["source"] = in_order(source)
        elif source.startswith("%pip"):
            cell["source"] = ""
    return json.dumps(document)


def test_the_ladder_of_several_gpus_speaks_the_words_of_the_program():
    job = job_with(num_gpus=2, parallel="fsdp")
    rungs = (
        Rung(changes={}, needs_bytes=2),
        Rung(changes={"gradient_checkpointing": True, "max_length": 8}, needs_bytes=1),
    )
    ladder = notebook_launch._ladder(dataclasses.replace(job, find_rungs=lambda: rungs))
    assert ladder[0]["arguments"] == {}
    config = {"transformer_layer_cls_to_wrap": ["BertLayer"], "activation_checkpointing": True}
    assert ladder[1]["arguments"] == {"fsdp_config": config, "max_length": 8}
