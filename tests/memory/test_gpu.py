"""Facts of GPUs as the predictor takes them."""

from dataclasses import replace

import pytest

from recipe_kb.memory.gpu import best_sdpa_kernel, context_of, device_of
from recipe_kb.units import MIB

MEASURED = {
    "t4", "p100-16gb", "rtx-2080-ti", "rtx-4090", "rtx-5090", "a10", "a40", "a100-40gb", "a100-80gb", "h100-80gb",
    "l4", "l40s",
}  # fmt: skip
WORKSPACE = {"6": 8519680, "7": 8519680, "8": 8519680, "9": 32 * MIB, "10": 32 * MIB, "12": 32 * MIB}


@pytest.fixture(scope="module")
def cuda(store):
    return store.cuda()


@pytest.fixture(scope="module")
def gpus(store):
    found = {gpu_id: store.gpu(gpu_id) for gpu_id in store.gpu_ids()}
    assert len(found) >= 28
    return found


@pytest.mark.parametrize(
    ("gpu_id", "sm_count", "threads"),
    [("t4", 40, 1024), ("l4", 58, 1536), ("rtx-3070", 46, 1536), ("a100-40gb", 108, 2048), ("h100-80gb", 132, 2048)],
)
def test_the_numbers_that_kernels_size_buffers_by(gpus, cuda, gpu_id, sm_count, threads):
    device = device_of(gpus[gpu_id], cuda)
    assert (device.sm_count, device.max_threads_per_sm) == (sm_count, threads)


def test_the_workspace_is_32_mib_from_hopper_on(gpus, cuda):
    for gpu in gpus.values():
        major = gpu.compute_capability.partition(".")[0]
        assert device_of(gpu, cuda).workspace_bytes == WORKSPACE[major], gpu.name


def test_every_gpu_has_a_context_between_100_mib_and_1_gib(gpus, cuda):
    measured = set()
    for gpu_id, gpu in gpus.items():
        context = context_of(gpu_id, gpu, cuda)
        assert 80 * MIB < context.low_bytes < context.high_bytes < 1024 * MIB, gpu_id
        assert context.sources
        if context.measured:
            measured.add(gpu_id)
    assert measured == MEASURED


def test_a_reading_of_the_card_itself_is_taken_as_it_is(gpus, cuda):
    context = context_of("t4", gpus["t4"], cuda)
    assert (context.low_bytes, context.high_bytes) == (90 * MIB, 147 * MIB)
    assert context.sources == ("context-t4",)


def test_a_reading_at_the_start_is_only_a_lower_bound(gpus, cuda):
    context = context_of("rtx-3090", gpus["rtx-3090"], cuda)
    estimate = context_of("another 3090", gpus["rtx-3090"], cuda)
    assert context.low_bytes == 256 * MIB
    assert context.high_bytes == estimate.high_bytes
    assert estimate.low_bytes < context.low_bytes
    assert set(context.sources) == {"context-3090", *cuda.context.line.sources}


def test_an_estimate_below_a_reading_does_not_cut_it(gpus, cuda):
    small = replace(gpus["rtx-3090"], sm_count=1)
    assert context_of("rtx-3090", small, cuda).high_bytes == 256 * MIB


def test_a_card_without_a_reading_gets_the_line(gpus, cuda):
    context = context_of("h200", gpus["h200"], cuda)
    line = cuda.context.line
    middle = line.base_mib + line.mib_per_1000_threads * 132 * 2048 / 1000
    assert context.low_bytes == pytest.approx(0.81 * middle * MIB)
    assert context.high_bytes == pytest.approx(1.2 * middle * MIB)


def test_a_card_known_by_its_size_can_be_any_of_up_to_24_gb(gpus, cuda):
    unknown = context_of("vram-24gb", None, cuda)
    assert not unknown.measured
    sizes = device_of(None, cuda)
    for gpu_id, gpu in gpus.items():
        if gpu.memory.marketed_gb <= 24:
            own = context_of(gpu_id, gpu, cuda)
            assert unknown.low_bytes <= own.low_bytes
            assert own.high_bytes <= unknown.high_bytes
            device = device_of(gpu, cuda)
            assert device.workspace_bytes <= sizes.workspace_bytes
            threads = device.sm_count * device.max_threads_per_sm
            assert threads <= sizes.sm_count * sizes.max_threads_per_sm


def test_flash_attention_only_where_the_card_has_it(gpus):
    efficient = {gpu_id for gpu_id, gpu in gpus.items() if best_sdpa_kernel(gpu) == "efficient"}
    assert efficient == {"t4", "p100-16gb", "v100-16gb", "v100-32gb", "rtx-2080-ti"}
    assert best_sdpa_kernel(None) == "efficient"
    assert all(gpu.supports.sdpa_mem_efficient for gpu in gpus.values())
