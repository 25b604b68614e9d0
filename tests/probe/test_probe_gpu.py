"""The same probe on a real GPU: counters are read, precision is the recipe's, an out-of-memory is a verdict."""

import shutil
from pathlib import Path

import pytest

from recipe_kb.probe.run import probe
from tiny import QWEN2

SRC = Path(__file__).parents[2] / "src"

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="needs an NVIDIA GPU"),
]


@pytest.fixture(autouse=True)
def package_in_the_child(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SRC))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("mixing", ["interleaved", "joint"])
def test_a_recipe_is_measured_as_it_is(ask, precision, mixing):
    settings = {"precision": precision, "dataloader_num_workers": 1, "dataloader_pin_memory": True}
    import pynvml

    pynvml.nvmlInit()
    name = pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(0))
    question = {"device": "cuda", "peak_tflops": 100.0, "gpu_names": (name,)}
    evidence = probe(ask("t4/tiny/2t-64-full", mixing=mixing, settings=settings, **question))
    assert (evidence.verdict, evidence.mode, evidence.deviations) == ("passed", "native", ())
    assert {"memory", "speed", "precision"} <= set(evidence.confirmed)
    assert evidence.needs_gpu == ()
    measured = evidence.measured
    assert 0 < measured.peak_allocated_bytes <= measured.peak_reserved_bytes <= measured.device_used_bytes
    assert measured.num_alloc_retries == 0
    assert 0 < measured.mfu < 1
    assert evidence.fingerprint["gpu"] == evidence.gpu_name
    assert evidence.fingerprint["driver"]


def test_too_large_a_batch_is_out_of_memory(ask):
    settings = {"per_device_train_batch_size": 2**17}
    evidence = probe(ask(config=QWEN2 | {"vocab_size": 150_000}, settings=settings, device="cuda"))
    assert evidence.verdict == "oom"
    assert "out of memory" in evidence.reason
