"""A card that is played has the memory that predictions give it, and not what it lacks."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout import ROOT
from recipe_kb.errors import BadInputError
from recipe_kb.memory.gpu import best_sdpa_kernel, device_of
from recipe_kb.resolve.answer import answer_key
from recipe_kb.resolve.emulation import cublas_environ, emulation_deviations, emulation_of, switched_off
from recipe_kb.schema.evidence import Emulation
from recipe_kb.store.store import Store

STORE = Store(ROOT / "kb")


def workspace_as_torch_reads_it(emulation):
    """Sum up the pairs as `parseChosenWorkspaceSize` does."""
    pairs = re.findall(r":([0-9]+):([0-9]+)", cublas_environ(emulation)["CUBLAS_WORKSPACE_CONFIG"])
    return sum(int(size) * 1024 * int(count) for size, count in pairs)


@pytest.mark.parametrize("gpu_id", [*STORE.gpu_ids(), "vram-8gb"])
def test_the_cap_is_the_limit_that_predictions_use(store, gpu_id):
    key = next((key for key in store.recipe_keys(gpu_id)), None)
    played = emulation_of(store, gpu_id)
    assert played.capped_bytes == played.total_bytes - played.context_bytes > 0
    if key is not None:
        assert played.capped_bytes == answer_key(store, key).memory.limit_bytes
    gpu = None if gpu_id.startswith("vram") else store.gpu(gpu_id)
    if gpu:
        assert played.total_bytes == gpu.memory.limit_bytes
    assert (played.gpu, played.capped_at) == (gpu_id, "card")
    assert played.workspace_bytes == device_of(gpu, store.cuda()).workspace_bytes
    assert workspace_as_torch_reads_it(played) == played.workspace_bytes


@pytest.mark.parametrize(
    ("gpu_id", "lacking"),
    [
        ("t4", {"bf16", "tf32", "flash", "flash_attention_2", "cudnn"}),
        ("v100-32gb", {"bf16", "tf32", "flash", "flash_attention_2", "cudnn"}),
        ("rtx-3070", {"cudnn"}),
        ("a100-40gb", {"cudnn"}),
        ("rtx-5090", {"cudnn"}),
        ("h100-80gb", set()),
        ("b200", set()),
    ],
)
def test_what_a_card_lacks_is_switched_off(store, gpu_id, lacking):
    assert set(emulation_of(store, gpu_id).switched_off) == lacking


@pytest.mark.parametrize("gpu_id", [*STORE.gpu_ids(), None])
def test_the_attention_kernel_is_the_one_that_was_predicted(store, gpu_id):
    gpu = store.gpu(gpu_id) if gpu_id else None
    assert ("flash" in switched_off(gpu)) == (best_sdpa_kernel(gpu) != "flash")


@given(predicted=st.integers(2**20, 2**37))
def test_the_prediction_can_be_the_cap_to_the_byte(predicted):
    played = emulation_of(STORE, "t4", capped_at="prediction", predicted_reserved_bytes=predicted)
    assert (played.capped_bytes, played.capped_at) == (predicted, "prediction")
    assert played.total_bytes == emulation_of(STORE, "t4").total_bytes


def test_a_cap_at_no_prediction_is_our_mistake(store):
    with pytest.raises(AssertionError):
        emulation_of(store, "t4", capped_at="prediction")


def test_an_unknown_card_is_an_error(store):
    with pytest.raises(BadInputError):
        emulation_of(store, "t44")


@given(large=st.integers(0, 64), small=st.integers(0, 255))
def test_any_workspace_that_torch_can_write_is_written(large, small):
    size = large * 2**22 + small * 2**14
    played = Emulation(
        gpu="t4",
        total_bytes=1,
        context_bytes=0,
        capped_bytes=1,
        capped_at="card",
        switched_off=(),
        workspace_bytes=size,
    )
    assert workspace_as_torch_reads_it(played) == size


def test_the_sizes_are_written_as_cuda_documents_them(store):
    assert cublas_environ(emulation_of(store, "t4")) == {"CUBLAS_WORKSPACE_CONFIG": ":4096:2:16:8"}
    assert cublas_environ(emulation_of(store, "h100-80gb")) == {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    without = emulation_of(store, "t4").model_copy(update={"workspace_bytes": None})
    assert cublas_environ(without) == {}


def test_what_is_only_played_is_a_deviation(store):
    played = emulation_of(store, "t4")
    found = emulation_deviations(played, "NVIDIA H200", "9.0")
    assert [(one.setting, one.recipe, one.probe, one.why) for one in found] == [
        ("gpu", "t4", "NVIDIA H200", "emulated-card"),
        ("kernels", "t4", "9.0", "kernels-of-another-card"),
    ]
    capped = emulation_of(store, "t4", capped_at="prediction", predicted_reserved_bytes=2**30)
    (*_, last) = emulation_deviations(capped, "NVIDIA H200", "9.0")
    assert (last.recipe, last.probe, last.why) == (played.capped_bytes, 2**30, "memory-capped-at-prediction")
