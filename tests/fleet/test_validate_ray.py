"""What `kb validate --engine ray` makes of nodes and results; the cluster is played."""

import json
from contextlib import contextmanager

import pytest

from recipe_kb.cli import validate_ray
from recipe_kb.cli.main import run as kb
from recipe_kb.fleet.nodes import Node
from recipe_kb.fleet.order import Delivery, NodeFacts
from recipe_kb.fleet.run import Result
from recipe_kb.resolve.recipe_hash import recipe_hash
from recorded import on_cpu, on_gpu

VERSIONS = {
    "recipe_kb": "0.1.0",
    "torch": "9.9.9",
    "transformers": "5.23.0",
    "accelerate": "1.15.0",
    "peft": "0.21.2",
    "bitsandbytes": None,
}
CORES = {"CPU": 4.0}
T4 = CORES | {"GPU": 1.0, "accelerator_type:T4": 1.0}


def node(resources, gpu_names=(), versions=()):
    facts = NodeFacts(host="far", gpu_names=gpu_names, versions=VERSIONS | dict(versions))
    return Node(node_id="n1", resources=resources, facts=facts)


@pytest.fixture
def play(monkeypatch, small_kb):
    """Play a cluster of these nodes; recipes named in `dies` give no result. Returns the orders that were given."""
    monkeypatch.setenv("KB_ROOT", str(small_kb))
    given = []

    def start(*nodes, dies=()):
        @contextmanager
        def cluster(_address):
            yield None

        def run(_engine, jobs):
            for job in reversed(jobs):  # in the order in which they finish
                request = job.order.request
                given.append(job)
                if request.recipe_id in dies:
                    yield Result(job=job, delivery=None, why="the node is gone")
                    continue
                make = on_gpu if request.device == "cuda" else on_cpu
                fingerprint = VERSIONS | {"recipe_sha256": recipe_hash(request.recipe)}
                evidence = make(recipe=request.recipe_id, fingerprint=fingerprint)
                runs = (evidence,) * job.order.repeats
                yield Result(job=job, delivery=Delivery(host="far", runs=runs))

        monkeypatch.setattr(validate_ray, "cluster", cluster)
        monkeypatch.setattr(validate_ray, "nodes_of", lambda _engine: nodes)
        monkeypatch.setattr(validate_ray, "run", run)
        return given

    return start


RAY = ("validate", "--all", "--engine", "ray")


def test_without_a_gpu_in_the_cluster_recipes_train_on_cpus(play, capsys):
    given = play(node(CORES))
    assert kb([*RAY, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert len(results) == len(given) > 1
    assert {job.order.request.device for job in given} == {"cpu"}
    assert {job.placement.num_cpus for job in given} == {2}


def test_with_a_card_recipes_are_asked_for_it_and_what_is_known_of_it_travels(play, capsys):
    given = play(node(T4, ("Tesla T4",)), node(CORES))
    assert kb([*RAY, "--quiet"]) == 0
    assert {str(job.placement) for job in given} == {"accelerator_type:T4, GPU: 1"}
    assert {job.order.request.device for job in given} == {"cuda"}
    assert {job.order.request.gpu_names for job in given} == {("Tesla T4",)}
    assert all(job.order.request.predicted_reserved_bytes for job in given)
    capsys.readouterr()


def test_a_baseline_on_cards_is_the_median_of_three_and_on_cpus_of_one(play, capsys):
    given = play(node(T4, ("Tesla T4",)))
    kb([*RAY, "--baseline"])
    assert {job.order.repeats for job in given} == {3}
    given = play(node(CORES))
    given.clear()
    kb([*RAY, "--baseline"])
    assert {job.order.repeats for job in given} == {1}
    capsys.readouterr()


def test_a_recipe_whose_card_no_node_has_is_named_and_the_others_count(play, capsys):
    play(node(CORES | {"GPU": 1.0, "accelerator_type:L4": 1.0}, ("NVIDIA L4",)))
    assert kb([*RAY, "--json"]) == 3
    said = capsys.readouterr()
    assert json.loads(said.out)["results"] == []
    assert (
        "KB353 No node has what it needs (accelerator_type:T4, GPU: 1); it was not trained. -> ray status" in said.err
    )


def test_a_recipe_without_a_result_is_named_and_the_others_are_recorded(play, capsys, small_kb):
    lost = "t4/biobert/8t-512-full"
    play(node(CORES), dies={lost})
    assert kb([*RAY, "--json", "--record"]) == 3
    said = capsys.readouterr()
    results = json.loads(said.out)["results"]
    assert lost not in {result["recipe"] for result in results}
    assert f"{lost}: KB354 No node gave a result: the node is gone -> kb validate --all --engine ray" in said.err
    files = list((small_kb / "evidence").glob("*/*/*/*.json"))
    assert len(files) == len(results)


def test_resuming_goes_by_the_versions_on_the_nodes(play, capsys, small_kb):
    given = play(node(CORES))
    assert kb([*RAY, "--record", "--quiet"]) == 0
    num_recipes = len(given)
    given.clear()
    assert kb([*RAY, "--record", "--resume", "--quiet"]) == 0
    assert given == []
    play(node(CORES, versions={"torch": "10.0.0"}))
    assert kb([*RAY, "--record", "--resume", "--quiet"]) == 0
    assert len(given) == num_recipes
    capsys.readouterr()


def test_the_lines_of_a_pipe_count_the_results(play, capsys):
    given = play(node(CORES))
    assert kb(list(RAY)) == 0
    errors = capsys.readouterr().err.splitlines()
    assert errors[0] == "Ray has 1 node; training on CPU."
    assert [line.partition(" ")[0] for line in errors[1:]] == [f"{n + 1}/{len(given)}" for n in range(len(given))]
    assert errors[1].endswith(": passed on far")
