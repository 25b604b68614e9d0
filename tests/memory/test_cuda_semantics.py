"""CUDA's behaviour on fake CPU tensors, against torch's own CUDA autocast where that can be asked without a GPU."""

import pytest
import torch
from tiny_jobs import TwoLayers, bare_job, rows_of_eight, tiny_job
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch_autocast import operations
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForTokenClassification

import tiny
from recipe_kb.tracing.cuda import CudaSemantics
from recipe_kb.tracing.trace import trace
from recipe_kb.tracing.tracker import StorageTracker

HALF = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["fp16", "bf16"])
SIZES = {
    "vocab_size": 200,
    "hidden_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 128,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
ENCODERS = {
    "bert": {},
    "roberta": {},
    "electra": {"embedding_size": 32},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16},
    "modernbert": {"cls_token_id": 1, "sep_token_id": 2},
    "distilbert": {"dim": 64, "n_layers": 1, "n_heads": 2, "hidden_dim": 128},
}
DECODERS = {
    "qwen2": {"num_key_value_heads": 1},
    "qwen3": {"num_key_value_heads": 1, "head_dim": 32},
    "llama": {"num_key_value_heads": 1},
    "gemma3_text": {"num_key_value_heads": 1, "head_dim": 32, "sliding_window": 32},
    "gpt2": {"n_embd": 64, "n_layer": 1, "n_head": 2, "n_positions": 64},
}


@HALF
@pytest.mark.parametrize("model_type", [*ENCODERS, *DECODERS])
def test_a_network_runs_the_same_kernels_as_under_cuda_autocast(model_type, dtype):
    """In the same order, with results of the same dtype: eager attention, because the choice of SDPA needs a GPU."""
    config = AutoConfig.for_model(model_type, **(SIZES | (ENCODERS | DECODERS)[model_type]))
    config.use_cache = False
    auto = AutoModelForCausalLM if model_type in DECODERS else AutoModelForTokenClassification

    def kernels(device):
        with torch.device("meta"):
            network = auto.from_config(config, attn_implementation="eager").train()

        def run(network):
            ids = torch.zeros(2, 16, dtype=torch.long, device=device)
            network(input_ids=ids, attention_mask=ids.clone(), labels=ids.clone())

        return operations(run, network, dtype=dtype, device=device)

    expected = kernels("cuda")
    assert len(expected) > 50
    assert kernels("cpu") == expected


OPERATIONS = {
    "linear": lambda t: functional.linear(t.half, t.weight, t.bias),
    "matmul": lambda t: torch.matmul(t.single, t.weight),
    "Tensor.matmul": lambda t: t.single.matmul(t.weight),
    "@": lambda t: t.half @ t.weight,
    "mm": lambda t: torch.mm(t.single, t.weight),
    "bmm": lambda t: torch.bmm(t.rows, t.rows.transpose(1, 2)),
    "addmm": lambda t: torch.addmm(t.bias, t.single, t.weight),
    "baddbmm": lambda t: torch.baddbmm(t.bias[:1], t.rows, t.rows.transpose(1, 2)),
    "conv1d": lambda t: functional.conv1d(t.rows, t.kernel),
    "linear float64": lambda t: functional.linear(t.double, t.double),
    "layer_norm": lambda t: functional.layer_norm(t.half, (8,), t.bias, t.bias),
    "group_norm": lambda t: functional.group_norm(t.half, 2, t.bias, t.bias),
    "softmax": lambda t: functional.softmax(t.half, -1),
    "torch.softmax": lambda t: torch.softmax(t.half, -1),
    "Tensor.softmax": lambda t: t.half.softmax(-1),
    "softmax to float32": lambda t: functional.softmax(t.half, -1, dtype=torch.float32),
    "softmax of float32": lambda t: functional.softmax(t.single, -1),
    "log_softmax": lambda t: functional.log_softmax(t.half, -1),
    "cross_entropy": lambda t: functional.cross_entropy(t.half, t.ids),
    "cross_entropy each": lambda t: functional.cross_entropy(t.half, t.ids, reduction="none"),
    "nll_loss": lambda t: functional.nll_loss(t.half, t.ids),
    "mse_loss": lambda t: functional.mse_loss(t.half, t.half),
    "binary_cross_entropy": lambda t: functional.binary_cross_entropy_with_logits(t.half, t.half),
    "exp": lambda t: t.half.exp(),
    "log": lambda t: torch.log(t.half),
    "rsqrt": lambda t: torch.rsqrt(t.half),
    "pow": lambda t: t.half.pow(2),
    "**": lambda t: t.half**2,
    "sum": lambda t: t.half.sum(-1),
    "sum of bool": lambda t: (t.ids > 0).sum(),
    "cumsum": lambda t: t.half.cumsum(0),
    "mean": lambda t: t.half.mean(-1),
    "gelu": lambda t: functional.gelu(t.half),
    "silu": lambda t: functional.silu(t.half),
    "tanh": lambda t: torch.tanh(t.half),
    "embedding": lambda t: functional.embedding(t.ids, t.weight),
    "add": lambda t: t.half + t.single,
    "cat": lambda t: torch.cat([t.half, t.single]),
    "stack": lambda t: torch.stack([t.half, t.single]),
    "where": lambda t: torch.where(t.half > 0, t.half, t.single),
    "dropout": lambda t: functional.dropout(t.half, 0.1, training=True),
    "torch.dropout": lambda t: torch.dropout(t.half, 0.1, True),
}


class _Tensors(dict):
    __getattr__ = dict.__getitem__


@HALF
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_runs_the_same_kernels_as_under_cuda_autocast(name, dtype):
    with torch.device("meta"):
        tensors = {
            "single": torch.empty(4, 8),
            "half": torch.empty(4, 8, dtype=dtype),
            "double": torch.empty(4, 8, dtype=torch.float64),
            "weight": torch.empty(8, 8),
            "bias": torch.empty(8),
            "rows": torch.empty(2, 8, 8),
            "kernel": torch.empty(8, 8, 3),
            "ids": torch.empty(4, dtype=torch.long),
        }

    def run(placed):
        OPERATIONS[name](_Tensors(placed))

    expected = operations(run, tensors, dtype=dtype, device="cuda")
    assert expected
    assert operations(run, tensors, dtype=dtype, device="cpu") == expected


class _Kernels(TorchDispatchMode):
    """What ran, and the size of what it returned."""

    def __init__(self):
        super().__init__()
        self.ran = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        results = out if isinstance(out, tuple | list) else (out,)
        sizes = [t.untyped_storage().nbytes() for t in results if isinstance(t, torch.Tensor)]
        self.ran.append((func._overloadpacket.__name__, sizes))
        return out

    def named(self, *names):
        return [name for name, _ in self.ran if name in names]


def kernels_of(run, *, dtype=None, sdpa="efficient"):
    """Run on the meta device, in the forward pass of CUDA's autocast if a dtype is given."""
    semantics, kernels = CudaSemantics(StorageTracker(-1), dtype, sdpa), _Kernels()
    with torch.device("meta"):
        semantics.autocast(enabled=True)
        with semantics, kernels:
            run()
        semantics.autocast(enabled=False)
    return kernels


def test_a_weight_used_twice_is_cast_once():
    weight = nn.Parameter(torch.empty(8, 8, device="meta"))
    frozen = torch.empty(8, 8, device="meta")

    def run(matrix):
        x = torch.empty(4, 8, dtype=torch.float16)
        functional.linear(functional.linear(x, matrix), matrix)

    assert len(kernels_of(lambda: run(weight), dtype=torch.float16).named("_to_copy")) == 1
    assert len(kernels_of(lambda: run(frozen), dtype=torch.float16).named("_to_copy")) == 2  # only leaves that train


def test_casts_that_nothing_saved_are_dropped_after_the_forward_pass():
    step = trace(bare_job(TwoLayers, rows_of_eight, autocast=torch.float16), rows=32, length=1, evaluation_rows=0)

    def casts(events):
        return [step.num_bytes[index] for index in events if step.categories[index] == "autocast"]

    forward = step.parts["forward"]
    made = casts(event for event in forward if event >= 0)
    assert made == [16 * 2, 8 * 16 * 2, 4 * 2, 16 * 4 * 2]  # bias before weight, as C++ evaluates arguments
    # The first layer's input needs no gradient, so only the second weight is saved for the backward pass.
    assert casts(~event for event in forward if event < 0) == [16 * 2, 8 * 16 * 2, 4 * 2]
    assert casts(~event for event in step.parts["backward"] if event < 0) == [16 * 4 * 2]


def test_no_dropout_no_allocation():
    x = torch.empty(64, 64, device="meta")
    for p, training in ((0.0, True), (0.1, False), (0.0, False)):
        assert kernels_of(lambda p=p, training=training: functional.dropout(x, p, training)).ran == []
    network = nn.Dropout(0.1).eval()
    assert kernels_of(lambda: network(x)).ran == []


def test_dropout_keeps_one_byte_per_element():
    x = torch.empty(64, 64, device="meta")
    assert kernels_of(lambda: functional.dropout(x, 0.1, training=True)).ran == [
        ("native_dropout", [4 * 64 * 64, 64 * 64])
    ]


FLASH, EFFICIENT = "_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention"


def attention(dtype, *, sdpa="efficient", length=64, head_dim=64, kv_heads=4, mask=None, **given):
    query = torch.empty(2, 4, length, head_dim, dtype=dtype, device="meta", requires_grad=True)
    key = torch.empty(2, kv_heads, length, head_dim, dtype=dtype, device="meta", requires_grad=True)
    return kernels_of(
        lambda: functional.scaled_dot_product_attention(query, key, key, attn_mask=mask, **given), sdpa=sdpa
    )


@pytest.mark.parametrize(
    ("dtype", "sdpa", "masked", "head_dim", "kernel"),
    [
        (torch.float16, "flash", False, 64, FLASH),
        (torch.bfloat16, "flash", False, 256, FLASH),
        (torch.float16, "flash", False, 264, EFFICIENT),
        (torch.float32, "flash", False, 64, EFFICIENT),
        (torch.float16, "flash", True, 64, EFFICIENT),
        (torch.float16, "efficient", False, 64, EFFICIENT),
    ],
)
def test_the_kernel_that_cuda_chooses(dtype, sdpa, masked, head_dim, kernel):
    mask = torch.empty(2, 1, 64, 64, dtype=torch.bool, device="meta") if masked else None
    assert attention(dtype, sdpa=sdpa, mask=mask, head_dim=head_dim).named(FLASH, EFFICIENT) == [kernel]


def test_grouped_heads_without_flash_fall_back_to_the_math_kernel():
    """The efficient kernel refuses them (`check_batch_size_and_num_heads_dense<false>`); scores are then kept whole."""
    scores = 4 * 2 * 4 * 64 * 64
    for dtype in (torch.float32, torch.float16):
        kernels = attention(dtype, kv_heads=1, is_causal=True, enable_gqa=True)
        assert kernels.named(FLASH, EFFICIENT) == []
        assert any(scores in sizes for _, sizes in kernels.ran)
    grouped = attention(torch.float16, sdpa="flash", kv_heads=1, is_causal=True, enable_gqa=True)
    assert grouped.named(FLASH, EFFICIENT) == [FLASH]


def test_the_log_of_the_sums_is_kept_for_a_backward_pass_only():
    def sizes():
        return dict(attention(torch.float16).ran)[EFFICIENT][1]

    assert sizes() == 4 * 2 * 4 * 64
    with torch.no_grad():
        assert sizes() == 0


@pytest.mark.parametrize(
    ("length", "columns"), [(64, 64), (72, 72), (68, 72), (65, 72), (63, 64)]
)  # `mem_eff_alignment` is 8
def test_a_mask_of_booleans_becomes_a_bias_padded_to_eight_columns(length, columns):
    mask = torch.empty(2, 1, length, length, dtype=torch.bool, device="meta")
    ran = attention(torch.float16, length=length, mask=mask).ran
    made = [sizes[0] for name, sizes in ran if name in ("where", "constant_pad_nd")]
    assert made == [2 * 2 * length * length] + [2 * 2 * length * columns] * (columns != length)


def test_a_mask_that_is_the_same_for_all_queries_is_not_padded():
    mask = torch.empty(2, 1, 1, 63, dtype=torch.float16, device="meta").expand(2, 1, 63, 63)
    assert "constant_pad_nd" in [name for name, _ in attention(torch.float16, length=63, mask=mask).ran]
    aligned = torch.empty(2, 1, 1, 64, dtype=torch.float16, device="meta")[..., :63].expand(2, 1, 63, 63)
    assert "constant_pad_nd" not in [name for name, _ in attention(torch.float16, length=63, mask=aligned).ran]


def test_each_layer_keeps_its_own_bias_for_the_backward_pass():
    rows, length = 3, 40
    bias = 4 * rows * length * length

    def kept(layers):
        job = tiny_job(tiny.BERT | tiny.NO_DROPOUT | {"num_hidden_layers": layers})
        step = trace(job, rows=rows, length=length, evaluation_rows=0)
        events = step.parts["forward"]
        left = {event for event in events if event >= 0} - {~event for event in events if event < 0}
        return sum(step.num_bytes[index] == bias for index in left)

    assert [kept(layers) for layers in (1, 2, 4)] == [1, 2, 4]
