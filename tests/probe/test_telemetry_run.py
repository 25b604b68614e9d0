"""A whole probe on a GPU that only the fake driver has: what it says is in the evidence, and what spoils it too."""

import sys
import time

import psutil
import pynvml
import pytest
from fake_nvml import FakeNvml, install

from recipe_kb.probe.messages import Finished, Progress, Started
from recipe_kb.probe.run import probe
from recipe_kb.training.steps import Step

GPU = "NVIDIA Test"
STEPS = tuple(Step(loss=2.0 - index / 40, grad_norm=1.0, time_s=0.25, skipped=False) for index in range(20))
SPEAKS = """
import sys, time
task = sys.stdin.readline()
started, finished, *steps = {lines!r}
print(started, flush=True)
for step in steps:
    time.sleep(0.03)
    print(step, flush=True)
print(finished, flush=True)
"""


def child(steps=STEPS, device="cuda", **finished):
    messages = [
        Started(device=device, gpu_name=GPU if device == "cuda" else None, fingerprint={}),
        Finished(steps=steps, clock="cuda-events", **finished),
        *(Progress(step=number, loss=step.loss) for number, step in enumerate(steps, start=1)),
    ]
    return [sys.executable, "-c", SPEAKS.format(lines=[message.model_dump_json() for message in messages])]


@pytest.fixture
def nvml(monkeypatch):
    monkeypatch.setattr("recipe_kb.probe.gpu_load.AVERAGED_S", 0.1)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    fake = FakeNvml()
    before = set(psutil.Process().children())  # other tests of this process keep a fork server
    fake.processes = lambda: [(one.pid, 2**30) for one in set(psutil.Process().children()) - before]
    install(monkeypatch, fake)
    return fake


def test_what_nvml_says_is_in_the_evidence(ask, nvml):
    evidence = probe(ask(device="cuda", gpu_names=(GPU,)), command=child())
    assert (evidence.verdict, evidence.mode, evidence.not_comparable) == ("passed", "native", ())
    assert evidence.gpu_load.num_samples >= 5
    assert evidence.gpu_load.kernel_time_share == pytest.approx(0.87)
    assert evidence.gpu_load.process_used_bytes == 2**30
    assert evidence.gpu_load.num_other_processes == 0
    assert "gpu_load" not in evidence.fingerprint["not_measured"]
    assert (evidence.measured.clock, evidence.measured.stable) == ("cuda-events", True)
    assert {"memory", "speed", "precision"} <= set(evidence.confirmed)


def test_the_warm_up_is_not_in_the_window(ask, nvml):
    """The GPU is hot until the second step and cool afterwards; the third ends the warm-up."""
    nvml.temperature_c = 95

    def cool(step, _total, _loss):
        if step == 2:
            nvml.temperature_c = 40
            time.sleep(0.2)  # the reading in progress ends

    evidence = probe(ask(device="cuda"), command=child(), on_progress=cool)
    assert evidence.gpu_load.temperature_c_max == 40.0
    hot = probe(ask(device="cuda"), command=child(STEPS[:3]), on_progress=cool)
    assert hot.gpu_load is None
    assert hot.fingerprint["not_measured"]["gpu_load"] == "no step after warm-up"


def test_another_process_takes_speed_and_leaves_memory(ask, nvml):
    ours = nvml.processes
    nvml.processes = lambda: [(1, 2**20), *ours()]
    evidence = probe(ask(device="cuda", gpu_names=(GPU,)), command=child())
    assert evidence.verdict == "passed"
    assert evidence.gpu_load.num_other_processes == 1
    assert evidence.not_comparable == ("other processes used the GPU: 1",)
    assert "memory" in evidence.confirmed
    assert "speed" not in evidence.confirmed


def test_who_else_was_there_explains_an_out_of_memory_in_the_first_step(ask, nvml):
    nvml.processes = lambda: [(1, 2**34)]
    evidence = probe(ask(device="cuda"), command=child((), failure="oom", reason="CUDA out of memory"))
    assert (evidence.verdict, evidence.gpu_load) == ("oom", None)
    assert evidence.not_comparable == ("other processes used the GPU: 1",)


def test_a_run_that_did_not_settle_is_not_comparable(ask, nvml):
    restless = tuple(step.model_copy(update={"time_s": 0.5 + index % 2}) for index, step in enumerate(STEPS))
    evidence = probe(ask(device="cuda", gpu_names=(GPU,)), command=child(restless))
    assert evidence.measured.stable is False
    assert evidence.not_comparable == ("step times had not settled after 20 steps",)
    assert "speed" not in evidence.confirmed


def test_without_nvml_the_evidence_says_why(ask, nvml):
    nvml.fail(pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "nvmlInitWithFlags")
    evidence = probe(ask(device="cuda"), command=child())
    assert (evidence.gpu_load, evidence.not_comparable) == (None, ())
    assert evidence.fingerprint["not_measured"]["gpu_load"] == "NVML: Driver Not Loaded"


def test_a_cpu_has_no_load_and_is_not_watched(ask, nvml):
    evidence = probe(ask(device="cpu"), command=child(device="cpu"))
    assert evidence.gpu_load is None
    assert evidence.fingerprint["not_measured"] == {"gpu_load": "no CUDA device in use"}
    assert not nvml.calls


def test_auto_that_ends_on_the_cpu_has_no_load(ask, nvml):
    evidence = probe(ask(device="auto"), command=child(device="cpu"))
    assert evidence.gpu_load is None
    assert evidence.fingerprint["not_measured"]["gpu_load"] == "no CUDA device in use"


def test_a_child_that_crashes_leaves_what_nvml_said(ask, nvml):
    nvml.processes = lambda: [(1, 2**34)]
    evidence = probe(ask(device="cuda"), command=[sys.executable, "-c", "raise SystemExit(1)"])
    assert (evidence.verdict, evidence.not_comparable) == ("crash", ("other processes used the GPU: 1",))


def test_the_watched_gpu_is_the_first_that_is_visible(ask, nvml, monkeypatch):
    nvml.num_gpus = 4
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", " 2,3")
    shows = "import os; raise SystemExit(os.environ['CUDA_VISIBLE_DEVICES'] + os.environ['CUDA_DEVICE_ORDER'])"
    evidence = probe(ask(device="cuda"), command=[sys.executable, "-c", shows])
    assert evidence.reason == "exit code 1: 2PCI_BUS_ID"
    assert nvml.asked_of == {0x1002}


def test_progress_knows_no_end_before_it_comes(ask, nvml):
    told = []
    probe(ask(device="cuda"), command=child(), on_progress=lambda *progress: told.append(progress[:2]))
    assert told == [(number, max(16, number)) for number in range(1, 21)]
