"""Where a probe may run, without a cluster; and that the names of the cards are those that Ray gives them."""

import pytest

from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.fleet.placement import Placement, placement_of

T4_NODE = {"CPU": 8.0, "GPU": 2.0, "accelerator_type:T4": 1.0, "memory": 1e9}


@pytest.mark.parametrize(
    ("placement", "fits"),
    [
        (Placement(), True),
        (Placement(num_cpus=9), False),
        (Placement(num_gpus=2, accelerator_type="T4"), True),
        (Placement(num_gpus=3, accelerator_type="T4"), False),
        (Placement(num_gpus=1, accelerator_type="L4"), False),
        (Placement(num_gpus=1, resource="lab"), False),
    ],
)
def test_a_placement_fits_where_everything_is(placement, fits):
    assert placement.fits(T4_NODE) is fits


def test_a_recipe_goes_to_its_own_card(store):
    placement = placement_of(answer_id(store, "t4/biobert/8t-512-full"), on_gpu=True)
    assert placement == Placement(num_gpus=1, accelerator_type="T4")
    assert placement.options() == {"num_cpus": 1, "num_gpus": 1, "accelerator_type": "T4", "resources": {}}
    assert str(placement) == "accelerator_type:T4, GPU: 1"


def test_several_cards_are_asked_for_together(store):
    answer = answer_id(store, "t4/biobert/8t-512-full", 2)
    assert placement_of(answer, on_gpu=True).num_gpus == 2


def test_a_resource_or_a_played_card_takes_any_card(store):
    answer = answer_id(store, "t4/biobert/8t-512-full")
    assert placement_of(answer, on_gpu=True, resource="lab").needs() == {"CPU": 1, "GPU": 1, "lab": 1}
    assert placement_of(answer, on_gpu=True, any_card=True).needs() == {"CPU": 1, "GPU": 1}


@pytest.mark.parametrize(("most_cores", "cores"), [(1, 1), (2, 2), (64, 2), (0, 1)])
def test_on_a_cpu_it_takes_the_cores_that_the_time_limit_is_for(store, most_cores, cores):
    answer = answer_id(store, "t4/biobert/8t-512-full")
    assert placement_of(answer, on_gpu=False, most_cores=most_cores) == Placement(num_cpus=cores)


def test_a_bare_size_of_memory_has_no_card_to_go_to(store):
    (key, *_more) = store.recipe_keys("vram-16gb")
    answer = answer_id(store, str(key))
    assert placement_of(answer, on_gpu=True) is None
    assert placement_of(answer, on_gpu=True, resource="lab") is not None


def test_every_gpu_has_the_name_that_ray_gives_a_node_with_it(store):
    manager = pytest.importorskip("ray._private.accelerators.nvidia_gpu").NvidiaGPUAcceleratorManager
    for gpu_id in store.gpu_ids():
        gpu = store.gpu(gpu_id)
        assert gpu.ray_accelerator == manager._gpu_name_to_accelerator_type(gpu.device_names[0]), gpu_id
