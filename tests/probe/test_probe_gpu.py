"""The same probe on a real GPU: counters are read, precision is the recipe's, an out-of-memory is a verdict."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recipe_kb.probe.plan import MAX_STEPS
from recipe_kb.probe.run import early_child, probe
from recipe_kb.probe.stability import WARM_UP_STEPS
from recipe_kb.schema.evidence import GpuLoad
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
    assert {"memory", "precision"} <= set(evidence.confirmed)
    assert ("speed" in evidence.confirmed) == (evidence.not_comparable == ())
    assert evidence.needs_gpu == ()
    measured = evidence.measured
    assert 0 < measured.peak_allocated_bytes <= measured.peak_reserved_bytes <= measured.device_used_bytes
    assert measured.num_alloc_retries == 0
    assert 0 < measured.mfu < 1
    assert evidence.fingerprint["gpu"] == evidence.gpu_name
    assert evidence.fingerprint["driver"]


def test_the_load_of_the_gpu_is_read_while_it_trains(ask):
    evidence = probe(ask("t4/tiny/2t-64-full", device="cuda"))
    measured, load = evidence.measured, evidence.gpu_load
    assert measured.clock == "cuda-events"
    assert measured.stable is not None
    assert 16 <= measured.num_steps <= MAX_STEPS
    assert measured.num_steps % 2 == 0  # two tasks: whole rounds
    assert load.interval_s < 0.1
    assert load.num_samples > 10
    assert load.device_used_bytes >= measured.peak_reserved_bytes
    for name in GpuLoad.model_fields.keys() - {"not_measured", "throttle_reasons"}:
        assert (getattr(load, name) is None) == (name in load.not_measured), name
    if load.kernel_time_share is not None:
        assert 0 < load.kernel_time_share <= 1
    if load.power_w_mean is not None:
        assert 0 < load.power_w_mean <= load.power_w_max
    if load.process_used_bytes is not None:
        assert measured.peak_reserved_bytes < load.process_used_bytes <= load.device_used_bytes


def test_a_given_number_of_steps_is_kept(ask):
    measured = probe(ask("t4/tiny/2t-64-full", device="cuda", num_steps=20)).measured
    assert (measured.num_steps, measured.stable) == (20, None)


def test_events_and_the_host_agree_on_the_time(ask):
    """Both see the whole of the steps; the host sees them a little later."""
    seen = []
    evidence = probe(ask(device="cuda", num_steps=200), on_progress=lambda *_: seen.append(time.monotonic()))
    by_host_s = (seen[-1] - seen[WARM_UP_STEPS - 1]) / (len(seen) - WARM_UP_STEPS)
    assert evidence.measured.step_time_s_median == pytest.approx(by_host_s, rel=0.5)


COMPUTES = """
import torch
a = torch.ones(2048, 2048, device="cuda")
print("computes", flush=True)
while True:
    a = (a @ a) / 2048
"""


def test_another_process_on_the_gpu_is_noticed(ask):
    with subprocess.Popen([sys.executable, "-c", COMPUTES], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "computes\n"
            evidence = probe(ask(device="cuda"))
        finally:
            other.kill()
    if evidence.gpu_load.num_other_processes is None:
        pytest.skip(evidence.gpu_load.not_measured["num_other_processes"])
    assert any("other processes" in reason for reason in evidence.not_comparable)
    assert "speed" not in evidence.confirmed


def test_a_child_that_waits_is_not_on_the_gpu(ask):
    import pynvml

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    before = pynvml.nvmlDeviceGetMemoryInfo(handle).used
    with early_child() as waiting:
        time.sleep(20)
        assert pynvml.nvmlDeviceGetMemoryInfo(handle).used - before < 2**26
        assert probe(ask(device="cuda"), waiting=waiting).verdict == "passed"


def test_too_large_a_batch_is_out_of_memory(ask):
    settings = {"per_device_train_batch_size": 2**17}
    evidence = probe(ask(config=QWEN2 | {"vocab_size": 150_000}, settings=settings, device="cuda"))
    assert evidence.verdict == "oom"
    assert "out of memory" in evidence.reason
