"""Which GPUs a child gets, and which of them this machine shows to CUDA."""

from types import SimpleNamespace

import pytest

from recipe_kb.probe.environ import child_environ, local_rank, visible_devices
from recipe_kb.probe.nvml_reading import shown_devices

NVML = SimpleNamespace(
    nvmlDeviceGetCount=lambda: 3,
    nvmlDeviceGetHandleByIndex=lambda index: index,
    nvmlDeviceGetUUID=lambda index: f"GPU-{index}abc",
)


@pytest.mark.parametrize(
    ("shown", "count", "expected"),
    [
        (None, 1, ("0",)),
        (None, 3, ("0", "1", "2")),
        ("3", 1, ("3",)),
        ("2, 0,1", 2, ("2", "0")),
        ("2", 2, ("2",)),  # fewer than asked for: the child sees that and refuses
        ("", 1, ("",)),
    ],
)
def test_the_first_visible_devices(monkeypatch, shown, count, expected):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert visible_devices(count) == expected
    assert child_environ("/scratch", count)["CUDA_VISIBLE_DEVICES"] == ",".join(expected)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [(None, [0, 1, 2]), ("1", [1]), ("2,0", [2, 0]), ("GPU-1a", [1]), ("", []), ("-1", []), ("0,-1,1", [0])],
)
def test_what_cuda_shows_in_its_order(monkeypatch, shown, expected):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert shown_devices(NVML) == expected


def test_an_entry_that_names_no_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-9")
    with pytest.raises(ValueError, match="GPU-9"):
        shown_devices(NVML)


def test_a_process_alone_has_the_first_gpu(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert local_rank() == 0
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert local_rank() == 3
