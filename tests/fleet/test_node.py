"""What runs on a node, called here: the same evidence as a probe without a fleet."""

import json

import pytest

from conftest import PLAYED
from recipe_kb.fleet import node
from recipe_kb.fleet.order import Delivery, NodeFacts, Order
from recipe_kb.probe.record import record
from recipe_kb.probe.run import probe
from recipe_kb.schema.recipe import Rung

T4, A100 = "Tesla T4", "NVIDIA A100-SXM4-80GB"


def without_times(path):
    evidence = json.loads(path.read_text(encoding="utf-8"))
    evidence["started"] = evidence["measured"]["wall_s"] = None
    return json.dumps(evidence, indent=2)


def test_the_file_is_the_same_as_locally(order, tmp_path):
    asked = order("t4/tiny/1t-64-full", 0)
    local = record(probe(asked.request, command=asked.command), tmp_path / "local")
    delivery = Delivery.model_validate_json(node.carry_out(asked.model_dump_json()))
    (evidence,) = delivery.runs
    travelled = record(evidence, tmp_path / "fleet")
    assert travelled.name == local.name
    assert without_times(travelled) == without_times(local)
    assert delivery.host


def test_it_trains_as_often_as_asked(order):
    asked = order("t4/tiny/1t-64-full", 0).model_copy(update={"repeats": 3})
    assert len(Delivery.model_validate_json(node.carry_out(asked.model_dump_json())).runs) == 3


@pytest.mark.parametrize(("walks", "tried"), [(True, 1), (False, 0)])
def test_the_ladder_is_walked_on_the_node(order, monkeypatch, walks, tried):
    asked = order("t4/tiny/1t-64-full", 0)
    recipe = asked.request.recipe
    rung = Rung(why="smaller-batch", set={"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2})
    ladder = type(recipe.ladder)(out_of_memory=(rung,), slow=())
    request = asked.request.model_copy(update={"recipe": type(recipe)(**vars(recipe) | {"ladder": ladder})})
    verdicts = iter(["oom", "passed"])
    real = node.probe

    def played(request, command):
        return real(request, command=command).model_copy(update={"verdict": next(verdicts)})

    monkeypatch.setattr(node, "probe", played)
    order_json = Order(request=request, ladder=walks, command=(*PLAYED, "0")).model_dump_json()
    (evidence,) = Delivery.model_validate_json(node.carry_out(order_json)).runs
    assert (evidence.verdict, len(evidence.ladder)) == ("oom", tried)


@pytest.mark.parametrize(
    ("names", "shown", "kept"),
    [
        ((T4,), "0", True),
        ((A100, T4), "1", True),
        ((A100, T4), "0", False),
        ((), "0", False),
        ((T4, A100), "0,1", True),
    ],
)
def test_what_was_assumed_of_the_card_holds_only_on_that_card(order, monkeypatch, names, shown, kept):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    request = order(
        "t4/tiny/1t-64-full", 0, device="cuda", gpu_names=(T4,), peak_tflops=65.0, predicted_reserved_bytes=10**9
    ).request
    fitted = node.fitted(request, names)
    assert (fitted == request) is kept
    assert (fitted.peak_tflops is None) is not kept
    assert (fitted.predicted_reserved_bytes is None) is not kept


def test_a_node_says_what_it_is():
    facts = NodeFacts.model_validate_json(node.look())
    assert facts.versions["recipe_kb"] == "0.1.0"
    assert {"torch", "transformers", "peft"} <= set(facts.versions)
