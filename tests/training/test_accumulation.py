"""The trap of transformers#47688: the update must not grow with the number of micro-batches.

The same eight rows in one optimizer step, as 8x1, 4x2, 2x4 and 1x8; plain SGD, so the update is the gradient.
"""

import pytest
import torch

from recipe_kb.training.data import Plan, TaskRows
from recipe_kb.training.loop import train, training_arguments
from recipe_kb.training.multi_task import MultiTaskEncoder
from recipe_kb.training.network import NUM_LABELS, build_network
from tiny import BERT, NO_DROPOUT, QWEN2, model_of, settings_with

NUM_ROWS = 8
SPLITS = [(4, 2), (2, 4), (1, 8)]
DECODERS = {
    "qwen2": QWEN2,
    "qwen3": QWEN2 | {"model_type": "qwen3", "head_dim": 32},
    "llama": QWEN2 | {"model_type": "llama"},
    "gemma3_text": QWEN2 | {"model_type": "gemma3_text", "head_dim": 32},
    "gpt2": {"model_type": "gpt2", "vocab_size": 2000, "n_embd": 64, "n_layer": 2, "n_head": 2, "n_positions": 64}
    | dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0),
}


def token_classifier():
    return build_network(model_of(BERT | NO_DROPOUT), settings_with(), tasks=1)


def multi_task():
    encoder = build_network(model_of(BERT | NO_DROPOUT), settings_with(), tasks=2).encoder
    network = MultiTaskEncoder(encoder, num_tasks=2, num_labels=NUM_LABELS, head_dropout=0.0)
    network.accepts_loss_kwargs = False
    return network


def update(network, tmp_path, batch_size, accumulation, *, tasks=1, mixing="interleaved", family="encoder"):
    """Return the change of all weights by one step of `NUM_ROWS` rows."""
    settings = settings_with(
        per_device_train_batch_size=batch_size,
        gradient_accumulation_steps=accumulation,
        optim="sgd",
        learning_rate=0.1,
        lr_scheduler_type="constant",
        warmup_ratio=0.0,
        max_grad_norm=0.0,
    )
    rows = TaskRows(
        Plan(
            family=family,
            tasks=tasks,
            mixing=mixing,
            vocab_size=2000,
            max_length=16,
            batch_size=NUM_ROWS,
            num_micro_batches=1,
        )
    )
    before = torch.cat([p.detach().clone().flatten() for p in network.parameters()])
    arguments = training_arguments(settings, num_steps=1, output_dir=tmp_path, use_cpu=True)
    train(network, arguments, train_rows=rows, eval_rows=rows)
    return torch.cat([p.detach().flatten() for p in network.parameters()]) - before


def assert_same_update(found, expected):
    assert (found.norm() / expected.norm()).item() == pytest.approx(1, abs=1e-3)
    assert torch.cosine_similarity(found, expected, dim=0).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("batch_size", "accumulation"), SPLITS)
def test_token_classifier(tmp_path, batch_size, accumulation):
    expected = update(token_classifier(), tmp_path, NUM_ROWS, 1)
    assert_same_update(update(token_classifier(), tmp_path, batch_size, accumulation), expected)


@pytest.mark.parametrize(("batch_size", "accumulation"), SPLITS)
def test_without_our_attribute_the_update_grows(tmp_path, batch_size, accumulation):
    """The control: if transformers mends it, this fails, and the attribute may go."""
    network, reference = token_classifier(), token_classifier()
    del network.accepts_loss_kwargs
    ratio = update(network, tmp_path, batch_size, accumulation).norm() / update(reference, tmp_path, NUM_ROWS, 1).norm()
    assert ratio.item() == pytest.approx(accumulation, rel=1e-3)


@pytest.mark.parametrize("mixing", ["interleaved", "joint"])
@pytest.mark.parametrize(("batch_size", "accumulation"), SPLITS)
def test_several_tasks(tmp_path, mixing, batch_size, accumulation):
    expected = update(multi_task(), tmp_path, NUM_ROWS, 1, tasks=2, mixing=mixing)
    assert_same_update(update(multi_task(), tmp_path, batch_size, accumulation, tasks=2, mixing=mixing), expected)


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize(("batch_size", "accumulation"), SPLITS)
def test_causal_lm(tmp_path, name, batch_size, accumulation):
    def network():
        return build_network(model_of(DECODERS[name]), settings_with(), tasks=1)

    expected = update(network(), tmp_path, NUM_ROWS, 1, family="decoder")
    assert_same_update(update(network(), tmp_path, batch_size, accumulation, family="decoder"), expected)
