"""Probes on a real Ray cluster of several nodes on this machine: placed, sent again when a node dies, none lost."""

import json
import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress

import pytest
import ray

from conftest import cluster_of
from recipe_kb.fleet.engine import cluster
from recipe_kb.fleet.nodes import fitting, has_gpu, most_cores, nodes_of
from recipe_kb.fleet.placement import Placement
from recipe_kb.fleet.run import MAX_RETRIES, Job, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray"), pytest.mark.filterwarnings("ignore::ResourceWarning")]
NUM_PROBES = 500
T4 = {"num_cpus": 2, "num_gpus": 1, "resources": {"accelerator_type:T4": 1}}
L4 = {"num_cpus": 1, "num_gpus": 1, "resources": {"accelerator_type:L4": 1, "a-lab": 2}}


@pytest.fixture(scope="module")
def nodes():
    """A head that runs nothing, a node with a T4, one with an L4, and one with cores only."""
    with cluster_of(T4, L4, {"num_cpus": 2}) as started:
        yield started


@pytest.fixture
def engine(nodes):
    with cluster(nodes.address) as joined:
        yield joined


def said(folder):
    """What each played probe left, by its recipe."""
    found = {}
    for path in folder.glob("*.json"):
        with suppress(ValueError):  # it is being written
            found.setdefault(path.name.split(".")[0], []).append(json.loads(path.read_text(encoding="utf-8")))
    return found


def has_passed(result):
    return result.delivery is not None and result.delivery.runs[0].verdict == "passed"


def job(order, **placement):
    return Job(order=order, placement=Placement(**placement))


def test_every_node_says_what_it_is(engine):
    found = nodes_of(engine)
    assert len(found) == 4
    assert has_gpu(found)
    assert most_cores(found) == 2
    assert len(fitting(found, Placement(num_gpus=1, accelerator_type="T4"))) == 1
    assert len(fitting(found, Placement(num_gpus=1, resource="a-lab"))) == 1
    assert fitting(found, Placement(num_gpus=1, accelerator_type="H100")) == []
    assert {node.facts.versions["recipe_kb"] for node in found} == {"0.1.0"}


def test_a_probe_goes_where_its_card_is_and_gets_it_alone(engine, order, tmp_path):
    jobs = [
        job(order(f"t4/tiny/{n}t-64-full", 0, "--log", tmp_path), num_gpus=1, accelerator_type="T4") for n in (1, 2)
    ]
    jobs += [
        job(order(f"l4/tiny/{n}t-64-full", 0, "--log", tmp_path), num_gpus=1, accelerator_type="L4") for n in (1, 2)
    ]
    jobs += [job(order("l4/tiny/3t-64-full", 0, "--log", tmp_path), num_gpus=1, resource="a-lab")]
    assert all(result.delivery for result in run(engine, jobs))
    where = {recipe: one["RAY_RAYLET_PID"] for recipe, (one,) in said(tmp_path).items()}
    assert where["t4_tiny_1t-64-full"] == where["t4_tiny_2t-64-full"]
    assert where["l4_tiny_1t-64-full"] == where["l4_tiny_2t-64-full"] == where["l4_tiny_3t-64-full"]
    assert where["t4_tiny_1t-64-full"] != where["l4_tiny_1t-64-full"]
    assert {one["CUDA_VISIBLE_DEVICES"] for (one,) in said(tmp_path).values()} == {"0"}


def test_a_worker_that_dies_is_sent_again_and_a_child_that_dies_is_a_verdict(engine, order, tmp_path):
    jobs = [
        job(order("t4/tiny/1t-64-full", 0, "--log", tmp_path, "--dies", "once")),
        job(order("t4/tiny/2t-64-full", 0, "--log", tmp_path, "--dies", "child")),
        job(order("t4/tiny/3t-64-full", 0, "--log", tmp_path, "--dies", "worker")),
    ]
    results = {result.job.order.request.recipe_id: result for result in run(engine, jobs)}
    tries = {recipe: len(ones) for recipe, ones in said(tmp_path).items()}
    assert results["t4/tiny/1t-64-full"].delivery.runs[0].verdict == "passed"
    assert tries["t4_tiny_1t-64-full"] == 2
    (killed,) = results["t4/tiny/2t-64-full"].delivery.runs
    assert (killed.verdict, tries["t4_tiny_2t-64-full"]) == ("crash", 1)
    assert "SIGKILL" in killed.reason
    assert results["t4/tiny/3t-64-full"].delivery is None
    assert results["t4/tiny/3t-64-full"].why
    assert tries["t4_tiny_3t-64-full"] == 1 + MAX_RETRIES


def test_what_is_not_awaited_is_cancelled(engine, order, tmp_path):
    jobs = [job(order(f"t4/tiny/{number}t-64-full", 100, "--log", tmp_path)) for number in range(1, 20)]
    # Without a core of its own, or it may have to wait until one of the others has slept.
    jobs.insert(0, job(order("t4/tiny/20t-64-full", 0), num_cpus=0, resource="a-lab"))
    results = run(engine, jobs)
    assert next(results).job is jobs[0]
    wait_until(lambda: said(tmp_path), "no probe begins")
    results.close()
    wait_until(lambda: ray.available_resources().get("CPU") == 5, "a probe goes on")
    pids = [one["pid"] for ones in said(tmp_path).values() for one in ones]
    assert pids
    wait_until(lambda: not [pid for pid in pids if is_running(pid)], "a child is left")


@pytest.mark.parametrize("after_s", [0, 1, 2, 4])
def test_a_cancel_while_workers_start_leaves_nothing(nodes, order, tmp_path, after_s):
    """Between the lease of a worker and the first line of a probe a cancel may overtake its task."""
    with cluster(nodes.address) as engine:
        jobs = [job(order(f"t4/tiny/{number}t-64-full", 100, "--log", tmp_path)) for number in range(1, 20)]
        with pytest.raises(KeyboardInterrupt), interrupted_after(after_s):
            list(run(engine, jobs))
        wait_until(lambda: ray.available_resources().get("CPU") == 5, "a probe goes on")
        begun = said(tmp_path)
        time.sleep(1)
        assert said(tmp_path) == begun  # nothing begins afterwards
        wait_until(lambda: not [1 for ones in begun.values() for one in ones if is_running(one["pid"])], "a child")


@contextmanager
def interrupted_after(seconds):
    """Ctrl-C for this process, once, after a while."""
    timer = threading.Timer(seconds, signal.raise_signal, [signal.SIGINT])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def wait_until(condition, otherwise):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def is_running(pid):
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_five_hundred_probes_are_all_accounted_for_though_a_node_dies(nodes, order, tmp_path):
    """A few in the middle take long, so that the node dies while it has one."""
    doomed = nodes.add_node(num_cpus=3)
    (raylet,) = doomed.all_processes["raylet"]

    def seconds(number):
        return 5 if NUM_PROBES // 4 <= number < NUM_PROBES // 4 + 12 else 0.02

    def kill_in_the_middle():
        long_ones = {f"t4_tiny_{1 + n % 60}t-{n + 1}-full" for n in range(NUM_PROBES) if seconds(n) > 1}
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            begun = said(tmp_path)
            if any(
                one["RAY_RAYLET_PID"] == str(raylet.process.pid) for name in long_ones for one in begun.get(name, ())
            ):
                break
            time.sleep(0.1)
        nodes.remove_node(doomed, allow_graceful=False)

    with cluster(nodes.address) as engine:
        jobs = [
            job(order(f"t4/tiny/{1 + n % 60}t-{n + 1}-full", seconds(n), "--log", tmp_path)) for n in range(NUM_PROBES)
        ]
        killer = threading.Thread(target=kill_in_the_middle)
        killer.start()
        results = list(run(engine, jobs))
        killer.join()
    ids = Counter(result.job.order.request.recipe_id for result in results)
    assert set(ids) == {one.order.request.recipe_id for one in jobs}
    assert set(ids.values()) == {1}
    odd = [result.why or result.delivery.runs[0].reason for result in results if not has_passed(result)]
    assert not odd
    tries = sum(len(ones) for ones in said(tmp_path).values())
    assert tries > NUM_PROBES  # what the dead node had was tried again
