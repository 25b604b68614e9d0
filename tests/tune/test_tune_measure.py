"""Real probes in children that were started ahead; here on the CPU, with a tiny network."""

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from recipe_kb.probe.request import ProbeRequest
from recipe_kb.resolve.answer import ask
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.tune.candidates import Shape
from recipe_kb.tune.measure import measured_by, measurement_of, probes
from recipe_kb.tune.start import Start
from tiny import BERT, model_of, recipe_with

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture(autouse=True)
def package_in_the_child(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SRC))


def request(batch):
    recipe_id = "t4/tiny/1t-64-full"
    return ProbeRequest(
        recipe_id=recipe_id,
        key=RecipeKey.parse(recipe_id),
        recipe=recipe_with(learning_rate=1e-3, per_device_train_batch_size=batch),
        model=model_of(BERT),
        device="cpu",
        timeout_s=120,
    )


@pytest.mark.slow
@pytest.mark.parametrize("cores", [1, 8])
def test_each_probe_has_its_own_child_and_none_is_left(monkeypatch, cores):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with probes() as run:
        waiting = {child.pid for child in psutil.Process().children(recursive=True)} - before
        assert len(waiting) == (3 if cores > 1 else 1)
        found = [measurement_of(run(request(batch))) for batch in (4, 2)]
    assert [one.verdict for one in found] == ["passed", "passed"]
    assert all(one.samples_per_s > 0 for one in found)
    assert all(one.peak_reserved_bytes is None for one in found)  # a CPU has no such counter
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def test_children_are_gone_when_the_search_is_interrupted():
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with pytest.raises(KeyboardInterrupt), probes():
        raise KeyboardInterrupt
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def test_what_is_probed_is_the_shape_on_cuda(store):
    asked = []

    def run(request):
        asked.append(request)
        raise subprocess.SubprocessError

    answer = ask(store, gpu="t4", model="biobert", tasks=1, goal="speed")
    start = Start(store=store, answer=answer, effective=32, grows=False)
    measure = measured_by(run, start, here=("t4", answer.gpu), num_steps=20, timeout_s=33.0)
    with pytest.raises(subprocess.SubprocessError):
        measure(8, 4)
    (request,) = asked
    shape = Shape(batch=8, accumulation=4)
    assert request.recipe == start.tried(shape).recipe
    assert (request.device, request.num_steps, request.timeout_s) == ("cuda", 20, 33.0)
    assert request.recipe_id == "t4/biobert/1t-512-full-speed"
    assert request.predicted_reserved_bytes == start.forecast(shape).reserved_bytes
