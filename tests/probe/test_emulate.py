"""A smaller card played by a larger one: the cap is exact, what it lacks is off, and the evidence says all of it.

CUDA itself is played here: what torch is told is compared, byte by byte, with what torch's allocator does with it.
"""

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from checkout import ROOT
from recipe_kb.probe.emulate import fraction_of, play, switch_off
from recipe_kb.probe.messages import Finished, Started, Telemetry
from recipe_kb.probe.record import record
from recipe_kb.probe.run import probe
from recipe_kb.resolve.emulation import emulation_of
from recipe_kb.store.store import Store
from recipe_kb.training.steps import Step
from recipe_kb.training.unsupported import UnsupportedError
from tiny import settings_with

SRC = Path(__file__).parents[2] / "src"
STORE = Store(ROOT / "kb")
GIB = 2**30
H200 = {"name": "NVIDIA H200", "total_memory": 143_156 * 2**20, "major": 9, "minor": 0}
STEPS = tuple(Step(loss=2.0 - index / 40, grad_norm=1.0, time_s=0.25, skipped=False) for index in range(20))


def played(gpu_id="t4", **capped):
    return emulation_of(STORE, gpu_id, **capped)


def at_prediction(gpu_id="t4", predicted=8 * GIB):
    return played(gpu_id, capped_at="prediction", predicted_reserved_bytes=predicted)


@pytest.fixture
def cuda(monkeypatch):
    """Stand in for CUDA; `device` is the card that is here, `told` what torch was told of it."""
    found = SimpleNamespace(device=dict(H200), free_bytes=140_000 * 2**20, told={})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _index: SimpleNamespace(**found.device))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _index: (found.free_bytes, found.device["total_memory"]))
    monkeypatch.setattr(
        torch.cuda, "set_per_process_memory_fraction", lambda fraction, _index: found.told.update(fraction=fraction)
    )
    monkeypatch.setattr("recipe_kb.probe.emulate.enable_tf32", lambda on: found.told.update(tf32=on))
    for kernel in ("flash", "cudnn"):
        name = f"enable_{kernel}_sdp"
        monkeypatch.setattr(torch.backends.cuda, name, lambda on, kernel=kernel: found.told.update({kernel: on}))
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    yield found
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


def test_a_t4_on_an_h200(cuda):
    play(played(), settings_with(precision="fp16"), "cuda")
    fraction = cuda.told.pop("fraction")
    assert int(fraction * H200["total_memory"]) == played().capped_bytes
    assert cuda.told == {"tf32": False, "flash": False, "cudnn": False}
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:2:16:8"


def test_an_h100_on_an_h200_keeps_its_kernels(cuda):
    settings = settings_with(precision="bf16", tf32=True, attn_implementation="flash_attention_2")
    play(played("h100-80gb"), settings, "cuda")
    assert set(cuda.told) == {"fraction"}
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_a_cap_at_the_prediction_needs_no_larger_card(cuda):
    """The prediction for a recipe of this very card can be tried on it."""
    play(at_prediction("h200", 20 * GIB), settings_with(), "cuda")
    assert int(cuda.told["fraction"] * H200["total_memory"]) == 20 * GIB


@pytest.mark.parametrize(
    ("device", "gpu_id", "settings", "words"),
    [
        ({}, "h200", {}, "this GPU has 139.80 GiB, and playing h200 takes more than 139.80 GiB"),
        ({"total_memory": 15 * GIB}, "v100-16gb", {}, "and playing v100-16gb takes more than"),
        ({}, "t4", {"precision": "bf16"}, "t4 lacks what the recipe asks for: bf16"),
        ({}, "t4", {"precision": "fp32", "tf32": True}, "t4 lacks what the recipe asks for: tf32"),
        (
            {},
            "t4",
            {"attn_implementation": "flash_attention_2"},
            "t4 lacks what the recipe asks for: flash_attention_2",
        ),
        ({}, "vram-8gb", {"precision": "bf16"}, "vram-8gb lacks what the recipe asks for: bf16"),
        ({"major": 7, "minor": 0}, "rtx-3070", {}, "cannot play rtx-3070, because it lacks bf16, tf32, flash"),
        ({"major": 8, "minor": 0}, "h100-80gb", {}, "cannot play h100-80gb, because it lacks cudnn"),
    ],
)
def test_what_cannot_be_played_is_refused(cuda, device, gpu_id, settings, words):
    cuda.device |= device
    with pytest.raises(UnsupportedError, match=words):
        play(played(gpu_id), settings_with(**settings), "cuda")
    assert cuda.told == {}
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_a_gpu_that_others_fill_is_refused(cuda):
    cuda.free_bytes = 10 * GIB
    with pytest.raises(UnsupportedError, match=r"10\.00 GiB of the GPU are free, and playing t4 takes 14\.42 GiB"):
        play(played(), settings_with(), "cuda")
    cuda.free_bytes = played().capped_bytes
    play(played(), settings_with(), "cuda")


def test_a_cpu_plays_no_card():
    with pytest.raises(UnsupportedError, match="no CUDA GPU"):
        play(played(), settings_with(), "cpu")


@given(total=st.integers(2**30, 2**39), share=st.floats(0, 1), segments=st.integers(0, 2**18))
def test_the_cap_is_exact(total, share, segments):
    """torch floors the product; for any bytes, and for whole segments, as predictions are."""
    for capped in (int(total * share), min(segments * 2**21, total)):
        fraction = fraction_of(capped, total)
        assert 0 <= fraction <= 1
        assert int(fraction * total) == capped


def test_torch_knows_these_switches():
    """The names are torch's and transformers' own: what is set is read back."""
    before = torch.backends.cuda.flash_sdp_enabled(), torch.backends.cuda.cudnn_sdp_enabled()
    precision = torch.backends.fp32_precision
    try:
        switch_off(("bf16", "tf32", "flash", "flash_attention_2", "cudnn"))
        assert not torch.backends.cuda.flash_sdp_enabled()
        assert not torch.backends.cuda.cudnn_sdp_enabled()
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        assert torch.backends.cuda.mem_efficient_sdp_enabled()
    finally:
        torch.backends.cuda.enable_flash_sdp(before[0])
        torch.backends.cuda.enable_cudnn_sdp(before[1])
        torch.backends.fp32_precision = precision


def test_our_child_refuses_to_play_on_a_cpu(ask, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    evidence = probe(ask(emulation=played()))
    assert (evidence.verdict, evidence.mode, evidence.emulation) == ("unsupported", "cpu", None)
    assert "no CUDA GPU" in evidence.reason
    assert evidence.confirmed == ()


def child(steps=STEPS, **finished):
    """Return a child that says it trained on an H200."""
    telemetry = Telemetry(peak_reserved_bytes=8 * GIB, peak_allocated_bytes=7 * GIB, num_alloc_retries=0)
    messages = [
        Started(device="cuda", gpu_name=H200["name"], fingerprint={"compute_capability": "9.0"}),
        Finished(steps=steps, telemetry=telemetry, **finished),
    ]
    return [sys.executable, "-c", f"print({chr(10).join(one.model_dump_json() for one in messages)!r})"]


def test_evidence_of_a_played_card_confirms_memory_alone(ask, tmp_path):
    request = ask(device="cuda", emulation=played(), gpu_names=(H200["name"],), predicted_reserved_bytes=9 * GIB)
    evidence = probe(request, command=child())
    assert (evidence.verdict, evidence.mode, evidence.emulation) == ("passed", "emulated", played())
    assert evidence.gpu_name == H200["name"]
    assert "memory" in evidence.confirmed
    assert not {"speed", "precision"} & set(evidence.confirmed)
    assert evidence.needs_gpu == ("speed", "precision")
    assert [one.setting for one in evidence.deviations] == ["gpu", "kernels"]
    assert evidence.deviations[1].probe == "9.0"
    assert evidence.predicted_reserved_bytes == 9 * GIB
    assert record(evidence, tmp_path).name == f"{evidence.started[:10]}-h200-as-t4-emulated.json"


@pytest.mark.parametrize(("gpu_id", "capped"), [("t4", at_prediction), ("l4", played)], ids=["prediction", "other"])
def test_a_run_at_the_prediction_or_as_another_card_proves_no_memory(ask, tmp_path, gpu_id, capped):
    """Neither may raise a recipe's status, even where the device is the recipe's own."""
    request = ask(device="cuda", emulation=capped(gpu_id), gpu_names=(H200["name"],))
    evidence = probe(request, command=child())
    assert (evidence.verdict, evidence.mode) == ("passed", "emulated")
    assert "trains" in evidence.confirmed
    assert evidence.needs_gpu == ("memory", "speed", "precision")
    assert not set(evidence.needs_gpu) & set(evidence.confirmed)
    ending = "at-prediction" if gpu_id == "t4" else "emulated"
    assert record(evidence, tmp_path).name == f"{evidence.started[:10]}-h200-as-{gpu_id}-{ending}.json"


def test_a_refused_card_is_recorded_as_what_was_asked(ask):
    evidence = probe(
        ask(device="cuda", emulation=played()), command=child((), failure="unsupported", reason="not larger")
    )
    assert (evidence.verdict, evidence.mode, evidence.confirmed) == ("unsupported", "emulated", ())


def needs_a_gpu(test):
    missing = shutil.which("nvidia-smi") is None
    return pytest.mark.gpu(pytest.mark.skipif(missing, reason="needs an NVIDIA GPU")(test))


CAPPED = """
import torch
from recipe_kb.probe.emulate import fraction_of
total = torch.cuda.get_device_properties(0).total_memory
capped = 100 * 2**20
torch.cuda.set_per_process_memory_fraction(fraction_of(capped, total), 0)
kept = [torch.empty(20 * 2**20, dtype=torch.uint8, device="cuda") for _ in range(5)]
assert torch.cuda.memory_reserved() == capped, torch.cuda.memory_reserved()
try:
    torch.empty(1, device="cuda")
except torch.OutOfMemoryError:
    print("refused")
"""


@needs_a_gpu
def test_a_real_allocator_reserves_the_cap_and_no_more(monkeypatch):
    import subprocess

    monkeypatch.setenv("PYTHONPATH", str(SRC))
    assert subprocess.check_output([sys.executable, "-c", CAPPED], text=True) == "refused\n"


@needs_a_gpu
def test_a_real_gpu_plays_a_smaller_card(ask, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    small = played("vram-4gb")
    request = ask("vram-4gb/tiny/1t-64-full", device="cuda", settings={"precision": "fp16"}, emulation=small)
    evidence = probe(request)
    assert (evidence.verdict, evidence.mode, evidence.emulation) == ("passed", "emulated", small)
    assert "memory" in evidence.confirmed
    assert 0 < evidence.measured.peak_reserved_bytes <= small.capped_bytes
    tight = played("vram-4gb", capped_at="prediction", predicted_reserved_bytes=evidence.measured.peak_reserved_bytes)
    assert probe(request.model_copy(update={"emulation": tight})).verdict in {"passed", "alloc_retries"}
    less = tight.model_copy(update={"capped_bytes": evidence.measured.peak_allocated_bytes // 2})
    assert probe(request.model_copy(update={"emulation": less})).verdict == "oom"
