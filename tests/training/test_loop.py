"""Tiny networks really train, through the Trainer a user would use."""

import math

import pytest
import torch

from recipe_kb.training.data import Plan, TaskRows, collate
from recipe_kb.training.loop import train, training_arguments
from recipe_kb.training.network import build_network
from recipe_kb.training.unsupported import UnsupportedError
from tiny import BERT, QWEN2, model_of, settings_with

NUM_STEPS = 24
ROBERTA = BERT | {"max_position_embeddings": 66, "pad_token_id": 1}
LLAMA = QWEN2 | {"model_type": "llama"}
GPT2 = {"model_type": "gpt2", "vocab_size": 2000, "n_embd": 64, "n_layer": 2, "n_head": 2, "n_positions": 64}
DISTILBERT = {"model_type": "distilbert", "vocab_size": 2000, "dim": 64, "n_layers": 2, "n_heads": 2, "hidden_dim": 128}
MODERNBERT = BERT | {"model_type": "modernbert", "pad_token_id": 0}
DEBERTA = BERT | {"model_type": "deberta-v2", "relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
ARCHITECTURES = {
    "bert": BERT,
    "roberta": ROBERTA | {"model_type": "roberta"},
    "xlm-roberta": ROBERTA | {"model_type": "xlm-roberta"},
    "distilbert": DISTILBERT,
    "modernbert": MODERNBERT,
    "deberta-v2": DEBERTA,
    "qwen2": QWEN2,
    "qwen3": QWEN2 | {"model_type": "qwen3", "head_dim": 32},
    "llama": LLAMA,
    "gemma3_text": QWEN2 | {"model_type": "gemma3_text", "head_dim": 32},
    "gpt2": GPT2,
}

# peft 0.21 asks for `is_gradient_checkpointing`, which transformers 5.23 renamed.
peft_reads_an_old_name = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


def rows_for(model, settings, *, tasks, mixing, num_micro_batches):
    return TaskRows(
        Plan(
            family=model.family,
            tasks=tasks,
            mixing=mixing,
            vocab_size=2000,
            max_length=32,
            batch_size=settings.per_device_train_batch_size,
            num_micro_batches=num_micro_batches,
        )
    )


def run(config, tmp_path, *, tasks=1, mixing="interleaved", method="full", network=None, **changes):
    changes = {"learning_rate": 2e-3, "attn_implementation": default_attention(config)} | changes
    model, settings = model_of(config), settings_with(**changes)
    network = network or build_network(model, settings, tasks=tasks, method=method)
    arguments = training_arguments(settings, num_steps=NUM_STEPS, output_dir=tmp_path, use_cpu=True)
    num_micro_batches = NUM_STEPS * settings.gradient_accumulation_steps
    train_rows = rows_for(model, settings, tasks=tasks, mixing=mixing, num_micro_batches=num_micro_batches)
    eval_rows = rows_for(model, settings, tasks=tasks, mixing=mixing, num_micro_batches=1)
    return train(network, arguments, train_rows=train_rows, eval_rows=eval_rows)


def default_attention(config):
    return "eager" if config["model_type"] == "deberta-v2" else "sdpa"


def assert_learned(steps, window=6, at_most=0.95):
    losses = [step.loss for step in steps]
    assert len(steps) == NUM_STEPS
    assert all(math.isfinite(step.loss) and math.isfinite(step.grad_norm) for step in steps)
    assert all(step.time_s > 0 and not step.skipped for step in steps)
    assert sum(losses[-window:]) < at_most * sum(losses[:window])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_learns(tmp_path, name):
    assert_learned(run(ARCHITECTURES[name], tmp_path))


@pytest.mark.parametrize("mixing", ["interleaved", "joint"])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_three_tasks_learn(tmp_path, mixing, accumulation):
    assert_learned(run(BERT, tmp_path, tasks=3, mixing=mixing, gradient_accumulation_steps=accumulation))


@peft_reads_an_old_name
@pytest.mark.parametrize("config", [BERT, QWEN2, GPT2], ids=lambda config: config["model_type"])
def test_adapters_learn(tmp_path, config):
    lora = {"lora_r": 8, "lora_alpha": 32, "lora_dropout": 0.05, "learning_rate": 1e-2}
    assert_learned(run(config, tmp_path, tasks=3, method="lora", **lora), at_most=0.98)


@pytest.mark.parametrize("config", [BERT, QWEN2], ids=lambda config: config["model_type"])
@pytest.mark.parametrize("tasks", [1, 3])
def test_recomputed_activations_give_the_same_losses(tmp_path, config, tasks):
    plain, recomputed = (
        [step.loss for step in run(config, tmp_path, tasks=tasks, gradient_checkpointing=flag)]
        for flag in (False, True)
    )
    assert recomputed == pytest.approx(plain, rel=1e-3)


def test_interleaved_training_touches_only_the_head_whose_turn_it_is():
    model = model_of(BERT)
    network = build_network(model, settings_with(), tasks=3)
    rows = rows_for(model, settings_with(), tasks=3, mixing="interleaved", num_micro_batches=3)
    for task in range(3):
        network.zero_grad()
        network(**collate([rows[task * 4 + row] for row in range(4)]))["loss"].backward()
        touched = [head[1].weight.grad is not None for head in network.heads]
        assert touched == [index == task for index in range(3)]
        assert network.encoder.embeddings.word_embeddings.weight.grad.norm() > 0


def test_joint_loss_is_the_mean_of_the_tasks_losses():
    model = model_of(BERT)
    network = build_network(model, settings_with(), tasks=3).eval()
    rows = rows_for(model, settings_with(), tasks=3, mixing="joint", num_micro_batches=1)
    batch = collate([rows[row] for row in range(4)])
    joint = network(**batch)
    alone = [network(**{name: value[:, task] for name, value in batch.items()}, task=task) for task in range(3)]
    assert joint["loss"].item() == pytest.approx(sum(output["loss"].item() for output in alone) / 3)
    assert all(torch.allclose(one["logits"], other) for one, other in zip(alone, joint["logits"], strict=True))


def test_a_nan_is_reported_and_not_averaged_away(tmp_path):
    network = build_network(model_of(BERT), settings_with(), tasks=1)
    with torch.no_grad():
        network.classifier.bias.fill_(math.nan)
    assert all(math.isnan(step.loss) for step in run(BERT, tmp_path, network=network))


def test_what_transformers_refuses_is_unsupported(tmp_path):
    with pytest.raises(UnsupportedError, match="tf32"):
        training_arguments(settings_with(tf32=True), num_steps=1, output_dir=tmp_path, use_cpu=True)


def test_a_missing_optimizer_package_is_an_import_error(tmp_path):
    with pytest.raises(ImportError, match="bitsandbytes"):
        run(BERT, tmp_path, optim="adamw_bnb_8bit")
