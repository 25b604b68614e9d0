"""What `kb validate` prints of a GPU run, from records that a machine without a GPU cannot make."""

from recipe_kb.cli.group import Session
from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.cli.validate_run import Outcome
from recipe_kb.cli.validate_text import print_outcome, print_signs
from recipe_kb.schema.evidence import Attempt, Evidence, GpuLoad
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store
from recorded import GIB, PLAYED_T4, on_gpu

RECIPE = "t4/biobert/8t-512-full"


def outcome_of(evidence: Evidence) -> Outcome:
    answer = answer_id(Store(default_root()), RECIPE)
    return Outcome(answer=answer, runs=[evidence], paths=[None])


def printed(evidence, capsys):
    outcome = outcome_of(evidence)
    print_outcome(outcome)
    print_signs(Session(store=Store(default_root()), language="en"), outcome)
    return capsys.readouterr().out


def test_a_native_run_shows_load_prediction_and_what_the_guides_would_say(capsys):
    load = GpuLoad(num_samples=50, interval_s=0.05, kernel_time_share=0.97, power_w_mean=69.2, power_limit_w=70.0)
    text = printed(on_gpu(gpu_load=load, predicted_reserved_bytes=8 * GIB), capsys)
    assert "time with a kernel running" in text
    assert "97%" in text
    assert "69 of 70 W" in text
    assert "8.00 GiB" in text
    assert "busy-from-95" in text
    assert "unverified (004-01" in text


def test_a_played_card_and_its_ladder_are_named(capsys):
    rung = Attempt(changed={"per_device_train_batch_size": 16}, verdict="passed", reason=None, peak_reserved_bytes=GIB)
    played = on_gpu(mode="emulated", verdict="oom", emulation=PLAYED_T4, ladder=(rung,), gpu_name="NVIDIA H200")
    text = printed(played, capsys)
    assert "NVIDIA H200 playing t4, 13.97 GiB for tensors" in text
    assert "After memory ran out" in text
    assert "per_device_train_batch_size=16" in text
    assert "What the guides would say" not in text
