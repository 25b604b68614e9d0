"""The job of a recipe: what the network is given, and what is built."""

import pytest
import torch
from tiny_jobs import LORA, tiny_job

import tiny
from recipe_kb.resolve.rules import NUM_LABELS
from recipe_kb.tracing.optimizers import HOST_SCALARS

peft_reads_an_old_name = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


@pytest.mark.parametrize(
    ("tasks", "mixing", "shape", "names"),
    [
        (1, None, (2, 8), {"input_ids", "attention_mask", "labels"}),
        (3, "interleaved", (2, 8), {"input_ids", "attention_mask", "labels", "task"}),
        (3, "joint", (2, 3, 8), {"input_ids", "attention_mask", "labels"}),
    ],
)
def test_the_batch_of_an_encoder(tasks, mixing, shape, names):
    batch = tiny_job(tiny.BERT, tasks=tasks, mixing=mixing).inputs(2, 8)
    assert set(batch) == names
    for name in ("input_ids", "attention_mask", "labels"):
        assert (batch[name].shape, batch[name].dtype) == (shape, torch.long)


def test_a_decoder_has_one_head_however_many_tasks():
    batch = tiny_job(tiny.QWEN2, tasks=3, mixing="joint").inputs(2, 8)
    assert set(batch) == {"input_ids", "attention_mask", "labels"}
    assert batch["input_ids"].shape == (2, 8)


@pytest.mark.parametrize("config", [tiny.BERT, tiny.QWEN2], ids=["encoder", "decoder"])
@pytest.mark.parametrize(("padded", "attention"), [(True, "sdpa"), (False, "sdpa"), (False, "eager"), (True, "eager")])
def test_a_mask_of_ones_is_dropped_but_by_the_eager_attention_of_decoders(config, padded, attention):
    causal_by_mask = config is tiny.QWEN2 and attention == "eager"
    job = tiny_job(config, padded=padded, attn_implementation=attention)
    assert job.drops_mask is (not padded and not causal_by_mask)


def test_settings_arrive():
    job = tiny_job(
        tiny.BERT, precision="bf16", gradient_checkpointing=True, max_grad_norm=0.5, optim="adamw_torch_fused"
    )
    assert (job.autocast, job.gradient_checkpointing, job.max_grad_norm) == (torch.bfloat16, True, 0.5)
    assert job.host_scalars is ("adamw_torch_fused" in HOST_SCALARS) is False
    assert job.loop == "trainer"
    assert tiny_job(tiny.BERT).autocast is None
    assert tiny_job(tiny.BERT).host_scalars is True


def test_logits_are_told_by_their_width():
    assert tiny_job(tiny.BERT).logit_width == NUM_LABELS


@pytest.mark.parametrize("config", [tiny.BERT, tiny.QWEN2], ids=["encoder", "decoder"])
def test_no_key_value_cache_while_training(config):
    with torch.device("meta"):
        assert tiny_job(config).build().config.use_cache is False


@peft_reads_an_old_name
@pytest.mark.parametrize(("config", "head"), [(tiny.BERT, "classifier"), (tiny.QWEN2, "lora_")])
def test_lora_of_an_encoder_and_of_a_decoder(config, head):
    job = tiny_job(config, method="lora", precision="bf16", **LORA)
    with torch.device("meta"):
        network = job.build()
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert all("lora_" in name or head in name for name in trained)
    assert any("lora_" in name for name in trained)
    made = {parameter for group in job.optimizer(network).param_groups for parameter in group["params"]}
    assert made == {parameter for parameter in network.parameters() if parameter.requires_grad}
