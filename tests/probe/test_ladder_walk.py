"""After an out-of-memory the rungs are tried in order, each on top of the others, until one works."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.probe.ladder import walk
from recipe_kb.probe.messages import Finished, Started
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.run import probe
from recipe_kb.schema.reasons import in_language
from recipe_kb.schema.recipe import Ladder, RecipeKey, Rung
from recipe_kb.training.steps import Step
from recorded import PLAYED_T4, measured, on_cpu, on_gpu
from tiny import BERT, QWEN2, model_of, recipe_with

SRC = Path(__file__).parents[2] / "src"
RUNGS = (
    {"per_device_train_batch_size": 16, "gradient_accumulation_steps": 2},
    {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 4},
    {"gradient_checkpointing": True},
    {"per_device_eval_batch_size": 4},
    {"max_length": 32},
    {"optim": "adamw_bnb_8bit"},
)
OOM = on_gpu(verdict="oom", reason="CUDA out of memory. Tried to allocate 2 GiB", confirmed=(), measured=None)


def request_with(*rungs, **settings):
    """Ask for a batch of 32 with these rungs."""
    recipe = recipe_with(**{"per_device_train_batch_size": 32} | settings)
    ladder = Ladder(out_of_memory=tuple(Rung(set=dict(values), why="tests") for values in rungs), slow=())
    return ProbeRequest(
        recipe_id="t4/tiny/1t-64-full",
        key=RecipeKey.parse("t4/tiny/1t-64-full"),
        recipe=replace(recipe, ladder=ladder),
        model=model_of(BERT),
        device="cuda",
        predicted_reserved_bytes=2**30,
    )


class Card:
    """Trains what `works` says and runs out of memory otherwise; `asked` are the requests, in order."""

    def __init__(self, works, otherwise="oom"):
        self.works, self.otherwise, self.asked = works, otherwise, []

    def __call__(self, request):
        self.asked.append(request)
        settings = request.recipe.settings
        verdict = "passed" if self.works(settings, request.key.max_length) else self.otherwise
        if callable(verdict):
            verdict = verdict(settings)
        figures = measured(peak_reserved_bytes=3 * 2**30) if verdict == "passed" else None
        return on_gpu(verdict=verdict, reason=None if figures else f"{verdict} it was", measured=figures)


def test_the_first_rung_that_works_ends_the_walk():
    card = Card(lambda settings, _length: settings.per_device_train_batch_size <= 8)
    evidence = walk(request_with(*RUNGS), OOM, probe=card)
    assert [attempt.verdict for attempt in evidence.ladder] == ["oom", "passed"]
    assert evidence.ladder[-1].changed == {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 4}
    assert evidence.ladder[-1].peak_reserved_bytes == 3 * 2**30
    assert evidence.ladder[0].reason == "oom it was"
    assert (evidence.verdict, evidence.confirmed) == ("oom", OOM.confirmed)
    said = "out of memory; it works with per_device_train_batch_size=8, gradient_accumulation_steps=4"
    assert evidence.reason == f"{said}: CUDA out of memory. Tried to allocate 2 GiB"
    assert in_language(evidence.reason) == evidence.reason


def test_rungs_add_up_and_a_smaller_batch_replaces_the_former():
    card = Card(lambda settings, length: length == 32 and settings.optim == "adamw_bnb_8bit")
    evidence = walk(request_with(*RUNGS), OOM, probe=card)
    last = card.asked[-1]
    settings = last.recipe.settings
    assert (settings.per_device_train_batch_size, settings.gradient_accumulation_steps) == (8, 4)
    assert settings.gradient_checkpointing
    assert settings.per_device_eval_batch_size == 4
    assert (last.key.max_length, str(last.key)) == (32, "t4/tiny/1t-32-full")
    assert last.recipe.effective_batch_size == 32
    assert last.predicted_reserved_bytes is None
    assert [attempt.verdict for attempt in evidence.ladder] == ["oom"] * 5 + ["passed"]
    assert evidence.ladder[-1].changed == {name: value for rung in RUNGS for name, value in rung.items()}
    assert card.asked[0].key.max_length == 64


def test_retries_are_not_working():
    card = Card(lambda *_: False, otherwise="alloc_retries")
    evidence = walk(request_with(*RUNGS), OOM, probe=card)
    assert len(evidence.ladder) == len(RUNGS)
    assert evidence.reason.startswith("out of memory; no rung of the ladder works: ")
    assert in_language(evidence.reason) == evidence.reason


def test_what_changes_nothing_of_the_run_is_not_tried_but_stays():
    """On a CPU 16 and 8 rows are 4 as 32 are, and 16 eval rows are 8 as 32 are: two rows are the first other run."""
    rungs = (*RUNGS[:2], {"per_device_eval_batch_size": 16}, {"per_device_train_batch_size": 2})
    card = Card(lambda *_: False)
    request = request_with(*rungs, gradient_accumulation_steps=4, per_device_eval_batch_size=32)
    oom = on_cpu(verdict="oom", reason=None, confirmed=(), measured=None)
    evidence = walk(request, oom, probe=card)
    (only,) = evidence.ladder
    assert only.changed == {
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 4,
        "per_device_eval_batch_size": 16,
    }
    assert evidence.reason == "out of memory; no rung of the ladder works"


def test_a_rung_that_cannot_run_here_is_taken_back():
    def otherwise(settings):
        return "unsupported" if settings.optim == "adamw_bnb_8bit" else "oom"

    card = Card(lambda settings, length: length == 32 and settings.optim == "adamw_torch", otherwise)
    evidence = walk(request_with(RUNGS[5], RUNGS[4]), OOM, probe=card)
    assert [attempt.verdict for attempt in evidence.ladder] == ["unsupported", "passed"]
    assert evidence.ladder[-1].changed == {"max_length": 32}


@pytest.mark.parametrize("verdict", ["timeout", "crash", "no_progress", "not_finite"])
def test_another_end_does_not_stop_the_walk(verdict):
    card = Card(lambda settings, _length: settings.gradient_checkpointing, otherwise=verdict)
    evidence = walk(request_with(*RUNGS), OOM, probe=card)
    assert [attempt.verdict for attempt in evidence.ladder] == [verdict, verdict, "passed"]


def test_what_did_not_run_out_of_memory_has_no_ladder():
    def never(_request):
        raise AssertionError

    passed = on_gpu()
    assert walk(request_with(*RUNGS), passed, probe=never) is passed
    assert walk(request_with(), OOM, probe=never) is OOM
    held = PLAYED_T4.model_copy(update={"capped_at": "prediction"})
    request = request_with(*RUNGS).model_copy(update={"emulation": held})
    assert walk(request, OOM, probe=never) is OOM


def test_a_played_card_is_played_on_every_rung():
    card = Card(lambda settings, _length: settings.gradient_checkpointing)
    request = request_with(*RUNGS).model_copy(update={"emulation": PLAYED_T4})
    walk(request, OOM, probe=card)
    assert {asked.emulation for asked in card.asked} == {PLAYED_T4}


def test_a_setting_that_did_not_apply_before_can_be_a_rung():
    rung = {"dataloader_num_workers": 2, "dataloader_prefetch_factor": 2}
    card = Card(lambda settings, _length: settings.dataloader_prefetch_factor == 2)
    assert walk(request_with(rung), OOM, probe=card).ladder[-1].verdict == "passed"


def test_ctrl_c_passes():
    def interrupted(_request):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        walk(request_with(*RUNGS), OOM, probe=interrupted)


@given(rungs=st.lists(st.sampled_from(RUNGS), max_size=12), works_at=st.integers(0, 12))
def test_any_ladder_ends_and_tries_nothing_twice(rungs, works_at):
    asked = []

    def card(request):
        asked.append((request.recipe.settings, request.key.max_length))
        return on_gpu(verdict="passed" if len(asked) > works_at else "oom")

    evidence = walk(request_with(*rungs), OOM, probe=card)
    assert len(asked) == len(set(asked)) == len(evidence.ladder) <= len(rungs)
    assert all(attempt.verdict != "passed" for attempt in evidence.ladder[:-1])
    assert ("it works with" in evidence.reason) == (len(asked) > works_at)


STARTED = Started(device="cpu", gpu_name=None, fingerprint={}).model_dump_json()
STEPS = tuple(Step(loss=2.0 - index / 16, grad_norm=1.0, time_s=0.1, skipped=False) for index in range(16))
TRAINS_UP_TO_TWO_ROWS = f"""
import json, sys
print({STARTED!r}, flush=True)
settings = json.loads(sys.stdin.readline())["request"]["recipe"]["settings"]
if settings["per_device_train_batch_size"] > 2:
    raise MemoryError
print({Finished(steps=STEPS).model_dump_json()!r}, flush=True)
"""


def test_real_probes_walk_the_ladder(ask):
    rungs = [{"per_device_train_batch_size": size, "gradient_accumulation_steps": 4 // size} for size in (2, 1)]
    request = request_with(*rungs, per_device_train_batch_size=4).model_copy(update={"device": "cpu"})

    def run(asked):
        return probe(asked, command=[sys.executable, "-c", TRAINS_UP_TO_TWO_ROWS])

    evidence = walk(request, run(request), probe=run)
    assert (evidence.verdict, evidence.mode) == ("oom", "cpu")
    assert [attempt.verdict for attempt in evidence.ladder] == ["passed"]
    assert evidence.reason.endswith("gradient_accumulation_steps=2: out of memory: MemoryError")


LIMITED = """
import resource
import psutil
import recipe_kb.probe.session
from recipe_kb.probe.child import main
limit = psutil.Process().memory_info().vms + {room}
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="no limit on address space elsewhere")
def test_our_own_child_runs_out_of_memory_and_a_rung_works(ask, monkeypatch):
    """Logits decide: four rows of 64 tokens over 200,000 words take more than the room, one row takes less."""
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    one_row = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4}
    settings = {"per_device_train_batch_size": 4, "per_device_eval_batch_size": 1, "learning_rate": 1e-2}
    model = model_of(QWEN2 | {"vocab_size": 200_000, "hidden_size": 8, "intermediate_size": 16})
    request = request_with(one_row, **settings).model_copy(
        update={"device": "cpu", "model": model, "num_steps": 4, "timeout_s": 120.0}
    )

    def run(asked):
        return probe(asked, command=[sys.executable, "-c", LIMITED.format(room=640 * 2**20)])

    evidence = walk(request, run(request), probe=run)
    assert evidence.verdict == "oom"
    assert evidence.ladder[-1].verdict == "passed"
