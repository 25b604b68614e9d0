"""kb/layouts: every network says how several GPUs share its parameters, as the network itself does."""

import pytest

from checkout import ROOT
from recipe_kb.errors import BadInputError
from recipe_kb.memory.additions import Additions
from recipe_kb.memory.layers import find_layers
from recipe_kb.memory.layout import EMBEDDINGS, TAIL, unpack_layout
from recipe_kb.memory.layout import ROOT as LEFT_OVER
from recipe_kb.memory.stored import unpack
from recipe_kb.store.layouts import read_layouts
from recipe_kb.store.store import Store
from recipe_kb.tracing.layout import layer_class, layout_of, network_of

STORE = Store(ROOT / "kb")
SMALLEST = "all-minilm-l6-v2"


def test_every_traced_network_has_its_layouts():
    assert STORE.memory_ids()
    for model_id in STORE.memory_ids():
        assert set(STORE.layouts(model_id)["layouts"]) == {"full", "lora", "qlora"}


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_gradients_of_every_stored_step_come_layer_by_layer(method):
    for model_id in STORE.memory_ids():
        layout = unpack_layout(STORE.layouts(model_id)["layouts"][method])
        steps = STORE.memory(model_id)["steps"]
        name = next(name for name in steps if name.startswith(f"{method}/bf16/"))
        shaped = unpack(steps[name])
        layers = find_layers(shaped.step, Additions(shaped), layout)
        assert len(layers.backward) == STORE.model(model_id).shape.num_layers
        assert list(layers.forward) == sorted(layers.forward)
        assert len(layers.owner) == len(shaped.step.gradients)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft asks transformers by an old name
@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_a_network_says_what_is_stored_of_it(method):
    network, stored = network_of(STORE, SMALLEST, method), STORE.layouts(SMALLEST)
    assert layout_of(network) == unpack_layout(stored["layouts"][method])
    assert layer_class(network) == stored["layer"] == "BertLayer"


def test_tied_embeddings_are_gathered_with_the_head():
    tied = unpack_layout(STORE.layouts("qwen2.5-0.5b")["layouts"]["full"])
    untied = unpack_layout(STORE.layouts("llama-3.1-8b")["layouts"]["full"])
    assert not tied.of_group(EMBEDDINGS)
    assert len(untied.of_group(EMBEDDINGS)) == 1
    assert [len(one.of_group(TAIL)) for one in (tied, untied)] == [2, 2]
    assert not tied.of_group(LEFT_OVER)


@pytest.mark.parametrize("text", ["", "[]", '{"generated": 1}', '{"generated": "x"}', "\xff"])
def test_another_file_is_refused(text, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(BadInputError) as raised:
        read_layouts(path, "kb/layouts/x.json")
    assert raised.value.problems[0].code == "KB122"
    assert read_layouts(tmp_path / "none.json", "") is None
