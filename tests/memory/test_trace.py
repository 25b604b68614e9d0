"""Traces of tiny networks, byte for byte what they must be by hand, and laws that hold for all networks."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from tiny_jobs import GPU, LORA, TwoLayers, bare_job, rows_of_eight, tiny_job, written
from torch import nn

import tiny
from recipe_kb.memory.replay import replay
from recipe_kb.memory.schedule import Plan, schedule
from recipe_kb.tracing.cuda import CudaSemantics
from recipe_kb.tracing.trace import trace

peft_reads_an_old_name = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
BERT = tiny.BERT | {"num_hidden_layers": 1}
QWEN2 = tiny.QWEN2 | {"num_hidden_layers": 1}


def test_two_layers_in_float32():
    step = trace(bare_job(TwoLayers, rows_of_eight), rows=32, length=1, evaluation_rows=8)
    assert {part: written(step, part) for part in step.parts} == {
        # Weights of 16 x 8, 16, 4 x 16 and 4 floats, in the order in which `Module.to` moves them.
        "placement": ["+512 weights", "+64 weights", "+256 weights", "+16 weights"],
        "inputs": ["+1024 inputs"],  # 32 x 8 floats
        "forward": [
            "+matmul workspace",  # the thread's first product
            "+2048 activations",  # first layer: 32 x 16
            "+2048 activations",  # relu, which keeps its result
            "-2048",  # so that the first layer's may go
            "+512 activations",  # second layer: 32 x 4
            "+4 activations",  # the loss
            "-512",  # a sum keeps nothing
        ],
        "backward": [
            "+4 activations",  # the gradient of the loss, which is then expanded without memory
            "+matmul workspace",  # the engine's own thread
            "+2048 activations",  # gradient of the relu's result
            "+256 gradients",  # second weight
            "+16 gradients",  # second bias, a sum of an expanded tensor: no column sum
            "+2048 activations",  # gradient of the first layer's result
            "-2048",  # the relu's gradient
            "-2048",  # the relu's result
            "+512 gradients",  # first weight; the input wants no gradient
            "+64 gradients",  # first bias: 32 rows summed
            "+column_sum workspace",
            "-column_sum",
            "-2048",
            "-4",
        ],
        "release": ["-4", "-1024"],  # loss, batch
        "other_gradients": [],
        "first_update": [],  # plain SGD has no state and foreach adds in place
        "update": [],
        "zero_grad": ["-512", "-64", "-256", "-16"],
        "evaluation_inputs": ["+256 inputs"],  # 8 x 8 floats
        # 8 x 16 twice, of which the first is let go; 8 x 4; loss
        "evaluation": [
            "+512 activations",
            "+512 activations",
            "-512",
            "+128 activations",
            "-512",
            "+4 activations",
            "-128",
        ],
        "evaluation_release": ["-4", "-256"],
    }
    # Forward 2 x 32 x (8 x 16 + 16 x 4); backward once more for each weight, and for the second layer's input.
    assert step.flops == 2 * 32 * (2 * 8 * 16 + 3 * 16 * 4)
    assert step.evaluation_flops == 2 * 8 * (8 * 16 + 16 * 4)


def test_two_layers_under_autocast():
    step = trace(bare_job(TwoLayers, rows_of_eight, autocast=torch.float16), rows=32, length=1, evaluation_rows=0)
    assert written(step, "forward") == [
        "+32 autocast",  # first bias, 16 halves
        "+256 autocast",  # first weight, 16 x 8
        "+512 activations",  # input, 32 x 8
        "+matmul workspace",
        "+1024 activations",  # first layer, 32 x 16
        "+1024 activations",  # relu
        "-1024",
        "+8 autocast",  # second bias
        "+128 autocast",  # second weight
        "+256 activations",  # second layer, 32 x 4
        "+4 activations",  # its sum, in float32
        "-256",
        # Leaving autocast: the second weight is still needed for the gradient of the relu.
        "-32",
        "-256",
        "-8",
    ]
    gradients = [line for line in written(step, "backward") if line.endswith("gradients")]
    assert gradients == ["+256 gradients", "+16 gradients", "+512 gradients", "+64 gradients"]  # float32


def test_what_a_one_layer_bert_keeps_for_the_backward_pass():
    rows, length, hidden, wide, heads, labels = 2, 24, 64, 128, 2, 9
    step = trace(tiny_job(BERT), rows=rows, length=length, evaluation_rows=0)
    events = step.parts["forward"]
    left = {event for event in events if event >= 0} - {~event for event in events if event < 0}
    kept = sorted(step.num_bytes[index] for index in left if index not in step.decided)
    tokens = rows * length
    activation, statistic = 4 * tokens * hidden, 4 * tokens
    by_hand = [
        8 * length,  # token types of zeros, which all rows share
        activation,  # embeddings before their norm
        activation,  # and after dropout: input of query, key and value
        tokens * hidden,  # dropout's mask
        *[statistic] * 2,  # mean and deviation of the norm
        *[activation] * 3,  # query, key, value
        4 * rows * length * length,  # the mask as a bias
        activation,  # attention's result
        4 * rows * heads * 32,  # log of the sums; rows of 32
        activation,  # its output layer plus the residual
        tokens * hidden,
        *[statistic] * 2,
        activation,  # the norm's result
        *[4 * tokens * wide] * 2,  # before and after gelu
        activation,  # second residual
        tokens * hidden,
        *[statistic] * 2,
        activation,  # the last hidden state, whose norm's result dropout reads but does not keep
        tokens * hidden,
        4 * tokens * labels,  # logarithms of the probabilities
        *[4] * 2,  # the loss, and the number of labels that count
    ]
    assert kept == sorted(by_hand)


def reserved(job, rows=2, length=16, plan=None, evaluation_rows=0):
    step = trace(job, rows=rows, length=length, evaluation_rows=evaluation_rows)
    return replay(schedule([step], plan or Plan(loop=job.loop), GPU))


WIDE = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 4, "num_attention_heads": 4}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize(("base", "attention"), [(tiny.BERT, "sdpa"), (tiny.BERT, "eager"), (tiny.QWEN2, "sdpa")])
def test_checkpointing_never_raises_the_peak(base, attention, precision):
    def peak(*, checkpointing):
        job = tiny_job(
            base | WIDE, precision=precision, attn_implementation=attention, gradient_checkpointing=checkpointing
        )
        return reserved(job, rows=16, length=64)

    plain, checkpointed = peak(checkpointing=False), peak(checkpointing=True)
    assert checkpointed.allocated_bytes < plain.allocated_bytes
    assert checkpointed.reserved_bytes <= plain.reserved_bytes


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("config", [tiny.BERT, tiny.QWEN2], ids=["bert", "qwen2"])
def test_what_is_recomputed_is_what_the_forward_pass_made(config, precision):
    """Same sizes: masks of one byte, half precision, and a cast of each weight of the block once more."""
    plain, checkpointed = (
        trace(tiny_job(config, precision=precision, gradient_checkpointing=on), rows=2, length=24, evaluation_rows=0)
        for on in (False, True)
    )
    again = made(checkpointed, "backward") - made(plain, "backward")
    blocks = made(plain, "forward") - _made_outside_blocks(config, precision)
    if config["model_type"] == "qwen2":
        # Recomputing stops at the last tensor that is needed: neither the last product of each of two blocks ...
        blocks[(2 if precision == "fp16" else 4) * 2 * 24 * 64] -= 2
        blocks[4 * 2 * 24 * 64] -= 2  # ... nor its sum with the residual, which is in float32
    assert again == blocks
    assert sum(blocks.values()) > 30


def made(step, part):
    """Size to how many storages of it a part allocates."""
    return Counter(step.num_bytes[event] for event in step.parts[part] if event >= 0 and event not in step.decided)


def _made_outside_blocks(config, precision):
    """Sizes that a forward pass without any block makes: embeddings, head, loss."""
    job = tiny_job(config | {"num_hidden_layers": 0}, precision=precision)
    return made(trace(job, rows=2, length=24, evaluation_rows=0), "forward")


@pytest.mark.parametrize("name", ["bert", "qwen2"])
def test_more_rows_or_tokens_never_take_less(name):
    job = tiny_job({"bert": BERT, "qwen2": QWEN2}[name], precision="fp16")
    rows, lengths = (2, 3, 16), (8, 24, 64)
    peaks = {
        (row, length): reserved(job, rows=row, length=length, evaluation_rows=row) for row in rows for length in lengths
    }
    for row in rows:
        allocated = [peaks[row, length].allocated_bytes for length in lengths]
        assert allocated == sorted(allocated)
    for length in lengths:
        allocated = [peaks[row, length].allocated_bytes for row in rows]
        assert allocated == sorted(allocated)
    assert peaks[16, 64].allocated_bytes > peaks[2, 8].allocated_bytes


def test_the_parts_of_the_peak_add_up_to_what_is_reserved():
    for job in (tiny_job(BERT), tiny_job(QWEN2, precision="bf16"), bare_job(TwoLayers, rows_of_eight)):
        peak = reserved(job, rows=8)
        assert sum(peak.parts.values()) == peak.reserved_bytes
        assert all(size > 0 for size in peak.parts.values())


@pytest.mark.parametrize(("padded", "causal_by_kernel"), [(False, True), (True, False)])
def test_a_decoder_without_padding_leaves_the_causal_mask_to_the_kernel(monkeypatch, padded, causal_by_kernel):
    seen = []
    attention = CudaSemantics._attention

    def spy(self, *args, attn_mask=None, is_causal=False, **given):
        seen.append((attn_mask is None, is_causal))
        return attention(self, *args, attn_mask=attn_mask, is_causal=is_causal, **given)

    monkeypatch.setattr(CudaSemantics, "_attention", spy)
    trace(tiny_job(QWEN2, padded=padded), rows=2, length=16, evaluation_rows=0)
    assert seen == [(causal_by_kernel, causal_by_kernel)]


def placed(step):
    return [step.num_bytes[index] for index in step.parts["placement"]]


def test_tied_weights_are_counted_once():
    tied, untied = (
        trace(tiny_job(QWEN2 | {"tie_word_embeddings": tie}), rows=2, length=8, evaluation_rows=0)
        for tie in (True, False)
    )
    table = 4 * 2000 * 64
    assert placed(untied).count(table) == 2
    assert placed(tied).count(table) == 1
    assert tied.total_bytes("gradients") == untied.total_bytes("gradients") - table


@peft_reads_an_old_name
@pytest.mark.parametrize("config", [BERT, QWEN2], ids=["encoder", "decoder"])
def test_lora_trains_adapters_and_the_head_only(config):
    job = tiny_job(config, method="lora", precision="fp16", **LORA)
    step = trace(job, rows=2, length=8, evaluation_rows=0)
    with torch.device("meta"):
        network = job.build()
    trained = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert trained
    assert all("lora_" in name or "classifier" in name for name in trained)
    num_bytes = sum(4 * parameter.numel() for parameter in trained.values())  # adapters stay in float32
    assert step.total_bytes("gradients") == num_bytes
    updates = step.parts["first_update"]
    state = {event for event in updates if event >= 0} - {~event for event in updates if event < 0}
    assert sum(step.num_bytes[index] for index in state if step.categories[index] == "optimizer") == 2 * num_bytes
    frozen = [p for p in network.parameters() if not p.requires_grad]
    assert {parameter.dtype for parameter in frozen} == {torch.float16}


def test_interleaved_tasks_share_one_encoder_pass_and_joint_ones_take_a_pass_each():
    def kept(tasks, mixing):
        step = trace(tiny_job(BERT, tasks=tasks, mixing=mixing), rows=4, length=32, evaluation_rows=0)
        events = step.parts["forward"]
        left = {event for event in events if event >= 0} - {~event for event in events if event < 0}
        return sum(step.num_bytes[index] for index in left if index not in step.decided), step

    one, _ = kept(2, "interleaved")
    three, step = kept(3, "interleaved")
    assert one == three
    heads = [step.num_bytes[index] for index in step.parts["other_gradients"]]
    assert heads == [4 * 9 * 64, 4 * 9] * 2  # the two heads whose turn it is not
    joint = [kept(tasks, "joint")[0] for tasks in (2, 3, 4)]
    assert joint[1] - joint[0] == joint[2] - joint[1]
    assert joint[1] - joint[0] == pytest.approx(one, rel=0.05)


def test_the_bare_loop_keeps_the_logits_during_the_backward_pass_and_the_trainer_does_not():
    class Logits(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 100)

        def forward(self, x):
            logits = self.layer(x)
            return {"loss": logits.sum(), "logits": logits}

    job = bare_job(Logits, rows_of_eight, logit_width=100)
    trainer, bare = (
        trace(replace(job, loop=loop), rows=32, length=1, evaluation_rows=0) for loop in ("trainer", "bare")
    )
    assert written(trainer, "forward")[-1] == "-12800"
    assert "-12800" not in written(bare, "forward") + written(bare, "backward")
    assert written(bare, "release") == ["-12800", "-4", "-1024"]
