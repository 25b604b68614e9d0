"""What a probe of several GPUs is asked: the way of the answer, its layers, its prediction for each of them."""

import pytest

from checkout import ROOT
from recipe_kb.cli.group import Session
from recipe_kb.cli.validate_run import Wish, request_of
from recipe_kb.probe.asked import request_for
from recipe_kb.resolve.answer import ask, to_try
from recipe_kb.resolve.memory import memory_of
from recipe_kb.store.store import Store

STORE = Store(ROOT / "kb")
CELL = {"gpu": "t4", "model": "distilbert-base-cased", "tasks": 2, "num_gpus": 2}


def wish(**changes):
    plain = {"steps": None, "repeats": 1, "timeout": 60.0, "weights": None, "as_gpu": None, "at_prediction": False}
    plain |= {"device": "auto", "gpu_name": None, "ladder": True, "record": False, "resume": False, "baseline": False}
    return Wish(**plain | {"here": ("t4", STORE.gpu("t4"))} | changes)


def asked(answer, **changes):
    return request_of(Session(store=STORE, language="en", as_json=False, quiet=True), answer, wish(**changes))


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_several_gpus_are_held_against_the_prediction_for_each(parallel):
    answer = ask(STORE, **CELL, parallel=parallel)
    request = request_for(answer, here=("t4", STORE.gpu("t4")))
    assert request.parallel == parallel
    assert request.predicted_reserved_bytes == answer.memory.peak_reserved_bytes
    assert request.layer == ("TransformerBlock" if parallel == "fsdp" else None)
    assert request_for(answer).predicted_reserved_bytes is None  # of another card nothing was predicted


def test_the_prediction_is_that_of_the_way_that_is_run():
    answer = ask(STORE, **CELL)
    ddp, fsdp = (asked(answer, parallel=parallel) for parallel in (None, "fsdp"))
    assert (ddp.parallel, fsdp.parallel) == ("ddp", "fsdp")
    assert fsdp.predicted_reserved_bytes < ddp.predicted_reserved_bytes


def test_what_ddp_cannot_hold_is_run_as_the_recipe_says():
    answer = ask(STORE, gpu="a100-80gb", model="llama-3.1-8b", tasks=1, num_gpus=8)
    request = asked(answer)
    assert (request.parallel, request.layer) == ("fsdp", "LlamaDecoderLayer")
    tried = to_try(STORE, answer, "ddp")  # no prediction says that it fits: a probe finds out
    assert (tried.parallel, tried.layer, tried.memory.fits) == ("ddp", None, False)
    assert tried.recipe.settings == answer.recipe.settings


def test_a_method_that_fsdp_is_not_predicted_with_is_asked_without_a_prediction():
    answer = ask(STORE, gpu="t4", model="qwen2.5-0.5b", tasks=1, method="qlora", num_gpus=2)
    request = asked(answer, parallel="fsdp")
    assert (request.parallel, request.predicted_reserved_bytes) == ("fsdp", None)


def test_each_of_several_is_capped_at_the_prediction_for_one():
    answer = ask(STORE, **CELL)
    for parallel in ("ddp", "fsdp"):
        request = asked(answer, parallel=parallel, at_prediction=True)
        tried = to_try(STORE, answer, parallel)
        expected = memory_of(
            STORE, tried.key, tried.recipe.settings, tried.recipe.task_mixing, tried.gpu, tried.model, parallel
        )
        assert request.emulation.capped_bytes == expected.peak_reserved_bytes == request.predicted_reserved_bytes


def test_the_ladder_of_fsdp_has_no_8bit_optimizer():
    """bitsandbytes' do not work on shards (kb/sources.yaml, axolotl-fsdp2-8bit)."""
    for way, there in (("ddp", True), ("fsdp", False)):
        for cell in (CELL, CELL | {"model": "roberta-base", "tasks": 5}):
            for answer in (ask(STORE, **cell, parallel=way), to_try(STORE, ask(STORE, **cell), way)):
                whys = [rung.why for rung in answer.recipe.ladder.out_of_memory]
                assert ("8bit-optimizer" in whys) is there
                assert "gradient-checkpointing" in whys
    assert {"axolotl-fsdp2-8bit", "bitsandbytes-1633"} <= set(STORE.sources())
