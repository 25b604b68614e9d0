"""The fast acceptor may never take what pydantic refuses, nor read it differently."""

import copy

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from checkout import ROOT
from recipe_kb.schema.cuda import Cuda
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Recipe
from recipe_kb.schema.rule import Rule
from recipe_kb.store.strict import OddError, accept
from recipe_kb.store.yaml_file import KbLoader

SAMPLES = {
    Gpu: "gpus/t4.yaml",
    Model: "models/biobert.yaml",
    Recipe: "recipes/vram-8gb/qwen2.5-0.5b/1t-512-full.yaml",
    Cuda: "cuda.yaml",
    Rule: "rules/memory-estimate.yaml",
}
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**12),
    st.floats(allow_nan=True),
    st.sampled_from(["", "fp16", "8", "t4", "Đ", "rule"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["en", "vi", "x"]), st.text(max_size=3), max_size=2),
)


def load(relative):
    return yaml.load((ROOT / "kb" / relative).read_text(encoding="utf-8"), Loader=KbLoader)  # noqa: S506 - KbLoader is a SafeLoader


def places(value, path=()):
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from places(part, (*path, name))


@pytest.mark.parametrize("record", SAMPLES)
def test_every_sample_is_accepted_and_equals_what_pydantic_makes(record):
    data = load(SAMPLES[record])
    assert accept(record, data) == TypeAdapter(record).validate_python(data)


@pytest.mark.parametrize("record", SAMPLES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_what_the_acceptor_takes_pydantic_takes_with_the_same_result(record, draw):
    data = copy.deepcopy(load(SAMPLES[record]))
    for _ in range(draw.draw(st.integers(1, 3))):
        path = draw.draw(st.sampled_from([place for place in places(data) if place]))
        parent = data
        for step in path[:-1]:
            parent = parent[step]
        action = draw.draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "replace":
            parent[path[-1]] = draw.draw(odd)
        elif action == "remove":
            del parent[path[-1]]
        elif isinstance(parent, dict):
            parent["unheard_of"] = draw.draw(odd)
    try:
        accepted = accept(record, data)
    except OddError:
        return
    try:
        judged = TypeAdapter(record).validate_python(data)
    except ValidationError as error:
        pytest.fail(f"accepted what pydantic refuses: {error}")
    assert repr(vars(accepted)) == repr(vars(judged)) or accepted == judged
