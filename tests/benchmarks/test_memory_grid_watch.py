"""Which counter is read when, without a GPU: the counters are played."""

import types

import pytest
import torch
from memory_grid import counters, watch
from memory_grid.padding import PaddedRows
from memory_grid.watch import Watch

from recipe_kb.training.data import Plan, TaskRows

MIB = 2**20


class Gpu:
    """A GPU with a context of 300 MiB beside 1000 MiB of other processes; `reserved` is what the allocator holds."""

    def __init__(self):
        self.has_context = False
        self.reserved = 0
        self.peak = 0

    def hold(self, mib):
        self.reserved = mib * MIB
        self.peak = max(self.peak, self.reserved)

    def used(self):
        return (1000 + 300 * self.has_context) * MIB + self.reserved

    def start(self):
        self.has_context = True

    def reset(self):
        self.peak = self.reserved

    def read_all(self, _nvml):
        return {"device_used_bytes": self.used(), "reserved_bytes": self.reserved}

    def nvml(self):
        return types.SimpleNamespace(not_measured={}, read=lambda: {"device_used_bytes": self.used()})


@pytest.fixture
def gpu(monkeypatch):
    gpu = Gpu()
    monkeypatch.setattr(watch, "Nvml", gpu.nvml)
    monkeypatch.setattr(watch, "read_all", gpu.read_all)
    monkeypatch.setattr(watch, "read_peaks", lambda: {"peak_reserved_bytes": gpu.peak})
    monkeypatch.setattr(watch, "read_counts", lambda: {"num_alloc_retries": 2})
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "synchronize", gpu.start)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", gpu.reset)
    return gpu


def test_each_phase_has_its_own_peak_and_the_context_is_what_the_allocator_does_not_hold(gpu):
    record = {}
    watch = Watch("cuda", record)
    watch.enter_context()
    gpu.hold(500)
    watch.read("after_network")
    gpu.hold(100)
    watch.begin("training")
    gpu.hold(400)
    gpu.hold(50)
    watch.end()
    watch.begin("evaluation")
    gpu.hold(70)
    watch.end()
    watch.finish()
    memory = record["memory"]
    assert memory["before_context"] == {"device_used_bytes": 1000 * MIB}
    assert memory["after_context"] == {"device_used_bytes": 1300 * MIB, "reserved_bytes": 0}
    assert memory["after_network"]["reserved_bytes"] == 500 * MIB
    assert memory["training"]["peak_reserved_bytes"] == 400 * MIB
    assert memory["evaluation"]["peak_reserved_bytes"] == 70 * MIB
    assert record["context"] == {"after_first_call_bytes": 300 * MIB, "at_end_bytes": 300 * MIB}
    assert record["num_alloc_retries"] == 2


def test_a_run_that_fails_in_training_keeps_its_peak(gpu):
    record = {}
    watch = Watch("cuda", record)
    watch.enter_context()
    watch.begin("training")
    gpu.hold(900)
    watch.finish()
    assert record["memory"]["training"]["peak_reserved_bytes"] == 900 * MIB
    assert "evaluation" not in record["memory"]


def test_lost_counters_do_not_hide_the_failure(gpu, monkeypatch):
    record = {}
    watch_of_run = Watch("cuda", record)
    watch_of_run.enter_context()

    def broken():
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    monkeypatch.setattr(watch, "read_counts", broken)
    watch_of_run.finish()
    assert record["counters_lost"] == "CUDA error: an illegal memory access was encountered"


def test_a_cpu_claims_no_memory():
    record = {}
    watch = Watch("cpu", record)
    watch.enter_context()
    watch.read("after_network")
    watch.begin("training")
    watch.end()
    watch.finish()
    assert record == {}


def test_missing_nvml_is_a_reason_and_no_figure(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    nvml = counters.Nvml()
    assert nvml.read() == {"device_used_bytes": None, "process_used_bytes": None}
    assert set(nvml.not_measured) == {"device_used_bytes", "process_used_bytes"}


@pytest.mark.parametrize(("mixing", "tasks"), [("interleaved", 2), ("joint", 3)])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_last_row_of_each_micro_batch_is_padded_and_no_other(mixing, tasks, batch_size):
    plan = Plan(
        family="encoder",
        tasks=tasks,
        mixing=mixing,
        vocab_size=2000,
        max_length=8,
        batch_size=batch_size,
        num_micro_batches=2,
    )
    full, padded = TaskRows(plan), PaddedRows(plan, pad_token_id=5)
    for index in range(len(padded)):
        row, original = padded[index], full[index]
        is_last = index % batch_size == batch_size - 1
        assert row["attention_mask"][..., 6:].sum() == (0 if is_last else original["attention_mask"][..., 6:].sum())
        assert (row["labels"][..., 6:] == -100).all() == is_last
        assert (row["input_ids"][..., 6:] == 5).all() == is_last
        for name in ("attention_mask", "labels", "input_ids"):
            assert row[name].shape == original[name].shape
            assert torch.equal(row[name][..., :6], original[name][..., :6])
    assert torch.equal(full[batch_size - 1]["labels"], TaskRows(plan)[batch_size - 1]["labels"])
