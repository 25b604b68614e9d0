"""One trace at very many rows is every trace at few rows."""

import subprocess
import sys

import pytest

from recipe_kb.memory.shape import shaped
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.tracing import now
from recipe_kb.tracing.now import MANY_ROWS, of_rows, traced_now
from recipe_kb.tracing.question import Asked, TraceFailedError
from recipe_kb.tracing.trace import trace
from recipe_kb.training.unsupported import UnsupportedError
from tiny import BERT, QWEN2, model_of, settings_with

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft's
LORA = {"lora_r": 4, "lora_alpha": 8, "lora_dropout": 0.1}
DEBERTA = {
    "model_type": "deberta-v2",
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "share_att_key": True,
}


def asked_for(config, *, tasks=1, method="full", mixing=None, loop="trainer", padding="full", **settings):
    return Asked(
        key=RecipeKey(gpu="vram-8gb", model="tiny", tasks=(tasks, tasks), max_length=32, method=method),
        gpu=None,
        model=model_of(config),
        settings=settings_with(**settings),
        mixing=mixing,
        loop=loop,
        padding=padding,
    )


CASES = [
    asked_for(BERT),
    asked_for(BERT, attn_implementation="eager", precision="fp16"),
    asked_for(BERT, gradient_checkpointing=True, optim="adafactor"),
    asked_for(BERT, tasks=3, mixing="joint", precision="bf16"),
    asked_for(BERT, padding="none", loop="bare"),
    asked_for(QWEN2, precision="bf16"),
    asked_for(QWEN2, method="lora", precision="fp16", **LORA),
    asked_for(QWEN2, method="qlora", precision="bf16", **LORA),
]


@pytest.mark.parametrize("asked", CASES)
def test_one_trace_at_many_rows_is_every_trace_at_few(asked):
    found = traced_now(asked, 32, None)
    for rows in (2, 3, 5):
        assert found.at(rows, 32) == trace(now._job(asked), rows=rows, length=32, evaluation_rows=rows)


def test_with_another_length_every_length_is_known():
    asked = asked_for(BERT, precision="fp16")
    found = traced_now(asked, 64, 32)
    for length in (32, 64):
        assert found.at(3, length) == trace(now._job(asked), rows=3, length=length, evaluation_rows=3)
    between, traced = found.at(3, 48), trace(now._job(asked), rows=3, length=48, evaluation_rows=3)
    assert (between.parts, between.flops) == (traced.parts, traced.flops)
    # Attention keeps a number per token, and rounds the tokens up to 32.
    assert sum(between.num_bytes) == pytest.approx(sum(traced.num_bytes), rel=1e-3)


def test_where_sizes_overflow_each_number_of_rows_is_traced(monkeypatch):
    asked, whole, traced = asked_for(BERT), now.trace, []

    def overflowing(job, *, rows, **shape):
        traced.append(rows)
        if rows == MANY_ROWS:
            raise RuntimeError("Storage size calculation overflowed")
        return whole(job, rows=rows, **shape)

    expected = traced_now(asked, 32, None)
    monkeypatch.setattr(now, "trace", overflowing)
    assert traced_now(asked, 32, None) == expected
    assert traced == [MANY_ROWS, 2, 3]


def test_a_weight_larger_than_many_rows_is_not_taken_apart(monkeypatch):
    asked = asked_for(BERT)
    expected = traced_now(asked, 32, None)
    monkeypatch.setattr(now, "MANY_ROWS", 65)
    assert traced_now(asked, 32, None) == expected
    step = trace(now._job(asked), rows=65, length=32, evaluation_rows=65)
    assert shaped({(rows, 32): of_rows(step, 65, rows) for rows in (2, 3)}) != expected


def test_operations_that_no_row_adds_are_not_taken_for_rows(monkeypatch):
    asked = asked_for(DEBERTA, attn_implementation="eager")
    monkeypatch.setattr(now, "MANY_ROWS", 65_537)
    found = traced_now(asked, 32, None)
    exact = trace(now._job(asked), rows=5, length=32, evaluation_rows=5)
    taken_apart = of_rows(trace(now._job(asked), rows=65_537, length=32, evaluation_rows=65_537), 65_537, 5)
    assert found.at(5, 32) == exact
    # Every size is right, so that nothing but the operations tells.
    assert (taken_apart.num_bytes, taken_apart.parts) == (exact.num_bytes, exact.parts)
    assert taken_apart.flops != exact.flops


def test_the_flash_kernel_runs_where_the_card_has_it_and_no_mask_is_in_the_way(store):
    def first_difference(gpu_id: str, padding: str) -> object:
        gpu: Gpu = store.gpu(gpu_id)
        asked = asked_for(BERT, precision="fp16", padding=padding)
        return traced_now(Asked(**{**vars(asked), "gpu": gpu}), 32, None)

    assert first_difference("t4", "none") != first_difference("l4", "none")
    assert first_difference("t4", "full") == first_difference("l4", "full")


def test_a_bare_loop_leaves_the_cache_of_a_decoder_on():
    bare, trainer = (now._job(asked_for(QWEN2, loop=loop)).build().config for loop in ("bare", "trainer"))
    assert (bare.use_cache, trainer.use_cache) == (True, False)


def test_an_attention_kernel_that_the_network_lacks_is_named():
    asked = asked_for({"model_type": "deberta-v2", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2})
    with pytest.raises(UnsupportedError, match=r"scaled_dot_product_attention|sdpa"):
        traced_now(asked, 32, None)


def test_what_cannot_be_followed_is_named(monkeypatch):
    def failing(*_args, **_shape):
        raise NotImplementedError("aten::strange\nand more")

    monkeypatch.setattr(now, "trace", failing)
    with pytest.raises(TraceFailedError, match=r"^aten::strange$"):
        traced_now(asked_for(BERT), 32, None)


def test_what_a_full_training_does_not_need_is_not_imported():
    code = "import sys, recipe_kb.tracing.now; print(*{'scipy', 'peft', 'torch'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["torch"]
