"""What is a regression, what is not comparable, and that no order of repeats and no missing part makes it a pass."""

import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.errors import BadInputError
from recipe_kb.probe.record import record
from recipe_kb.regress.compare import WORST_FIRST, Tolerance, baseline_of, compare
from recipe_kb.regress.conditions import ALWAYS, ON_A_CPU
from recipe_kb.regress.metrics import METRICS
from recipe_kb.regress.words import remedy
from recipe_kb.schema.evidence import Deviation, Measured, Verdict
from recorded import PLAYED_T4, RECIPE, on_cpu, on_gpu

MEMORY = ("peak_allocated_bytes", "peak_reserved_bytes")
BYTES = st.integers(2**20, 2**38)
RATES = st.floats(1e-3, 1e6)


def row_of(comparison, name):
    (row,) = (row for row in comparison.rows if row.name == name)
    return row


def test_every_metric_is_a_figure_of_the_evidence_and_has_a_tolerance():
    assert {metric.name for metric in METRICS} <= set(Measured.model_fields)
    assert {metric.kind for metric in METRICS} == set(vars(Tolerance()))
    assert set(WORST_FIRST) == set(get_args(Verdict))


def test_the_tolerances_are_those_of_the_documentation():
    assert (Tolerance().memory, Tolerance().throughput) == (0.03, 0.10)


@given(reserved=BYTES, rate=RATES, loss=st.floats(1e-3, 1e3))
def test_a_run_is_as_itself(reserved, rate, loss):
    run = on_gpu({"peak_reserved_bytes": reserved, "samples_per_s": rate, "loss_first": loss})
    comparison = compare([run], [run])
    assert comparison.outcome == "same"
    assert [row.change for row in comparison.rows] == [0.0] * len(METRICS)


@given(
    rates=st.lists(RATES, min_size=1, max_size=5),
    before=st.lists(RATES, min_size=1, max_size=5),
    verdicts=st.lists(st.sampled_from(["passed", "passed", "oom", "crash"]), min_size=5, max_size=5),
    seed=st.randoms(use_true_random=False),
)
def test_the_order_of_repeats_does_not_matter(rates, before, verdicts, seed):
    runs = [on_gpu({"samples_per_s": rate}, verdict=verdict) for rate, verdict in zip(rates, verdicts, strict=False)]
    baseline = [on_gpu({"samples_per_s": rate}) for rate in before]
    first = compare(runs, baseline)
    seed.shuffle(runs)
    seed.shuffle(baseline)
    second = compare(runs, baseline)
    assert (first.outcome, first.rows, first.run) == (second.outcome, second.rows, second.run)


@given(name=st.sampled_from(MEMORY), before=BYTES, limit=st.floats(0, 1), beyond=st.floats(1.001, 10))
def test_memory_beyond_its_tolerance_is_always_a_regression(name, before, limit, beyond):
    now = int(before * (1 + limit) * beyond) + 1
    comparison = compare([on_gpu({name: now})], [on_gpu({name: before})], Tolerance(memory=limit))
    assert comparison.outcome == "regression"
    assert row_of(comparison, name).finding == "worse"


@given(name=st.sampled_from(MEMORY), before=BYTES, share=st.floats(-0.0299, 0.0299))
def test_memory_within_its_tolerance_is_the_same(name, before, share):
    assert compare([on_gpu({name: round(before * (1 + share))})], [on_gpu({name: before})]).outcome == "same"


@given(before=RATES, share=st.floats(0.01, 3))
def test_only_slower_is_a_regression(before, share):
    run, reference = on_gpu({"samples_per_s": before * share}), on_gpu({"samples_per_s": before})
    expected = "regression" if share < 0.9 else "improved" if share > 1.1 else "same"
    if min(abs(share - 0.9), abs(share - 1.1)) > 1e-9:
        assert compare([run], [reference]).outcome == expected


@pytest.mark.parametrize(
    ("name", "before", "now", "outcome"),
    [
        ("peak_reserved_bytes", 100, 103, "same"),
        ("peak_reserved_bytes", 1000, 1031, "regression"),
        ("peak_reserved_bytes", 1000, 969, "improved"),
        ("samples_per_s", 100, 90, "same"),
        ("samples_per_s", 1000, 899, "regression"),
        ("samples_per_s", 1000, 1101, "improved"),
        ("loss_first", 1.0, 1.051, "regression"),
        ("loss_first", 1.0, 0.949, "regression"),
        ("loss_first", 1.0, 1.049, "same"),
        ("peak_reserved_bytes", 0, 1, "regression"),
    ],
)
def test_the_limit_itself_is_within(name, before, now, outcome):
    assert compare([on_gpu({name: now})], [on_gpu({name: before})]).outcome == outcome


def test_worse_in_one_figure_is_not_made_up_for_by_another():
    run = on_gpu({"samples_per_s": 1000.0, "peak_reserved_bytes": 8 * 2**30})
    assert compare([run], [on_gpu()]).outcome == "regression"


def test_medians_are_compared_so_that_one_odd_repeat_decides_nothing():
    runs = [on_gpu({"samples_per_s": rate}) for rate in (64.0, 63.0, 1.0)]
    comparison = compare(runs, [on_gpu({"samples_per_s": rate}) for rate in (64.0, 65.0, 1000.0)])
    assert comparison.outcome == "same"
    assert (row_of(comparison, "samples_per_s").before, row_of(comparison, "samples_per_s").now) == (65.0, 63.0)
    assert comparison.wall_s == 60.0


def test_a_baseline_is_the_newest_day_only():
    """A better or worse state that was recorded on purpose is what counts from then on."""
    days = [(f"2026-11-{day}T10:00:00+00:00", rate) for day, rate in ((20, 200.0), (21, 64.0), (21, 66.0))]
    baseline = [on_gpu({"samples_per_s": rate}, started=started) for started, rate in days]
    for order in itertools.permutations(baseline):
        comparison = compare([on_gpu()], order)
        assert comparison.outcome == "same"
        assert row_of(comparison, "samples_per_s").before == 65.0
        assert len(comparison.baseline) == 2


@pytest.mark.parametrize("verdict", ["oom", "crash", "timeout", "not_finite", "no_progress", "alloc_retries"])
def test_what_passed_and_now_does_not_is_a_regression(verdict):
    failed = on_gpu(verdict=verdict, measured=None)
    assert compare([failed], [on_gpu()]).outcome == "regression"
    assert compare([failed], []).outcome == "failed"
    assert compare([failed], [on_gpu(fingerprint={"torch": "2.11.0"})]).outcome == "failed"
    one_of_three = compare([on_gpu(), failed, on_gpu()], [on_gpu()])
    assert (one_of_three.outcome, one_of_three.num_failed, one_of_three.run) == ("regression", 1, failed)


def test_a_crash_before_the_gpu_was_seen_is_still_held_against_the_baseline():
    """Parts that a dead child never told do not excuse it."""
    keys = ("attention", "driver", "cuda", "cudnn", "gpu_total_bytes")
    crashed = on_gpu(verdict="crash", measured=None, fingerprint=dict.fromkeys(keys))
    assert compare([crashed], [on_gpu()]).outcome == "regression"


def test_what_cannot_run_here_is_no_pass_and_no_finding_unless_it_did_run():
    unsupported = on_gpu(verdict="unsupported", measured=None, fingerprint={"attention": None})
    assert compare([unsupported], []).outcome == "not_comparable"
    assert compare([unsupported], [on_gpu(fingerprint={"torch": "2.11.0"})]).outcome == "not_comparable"
    assert compare([unsupported], [on_gpu()]).outcome == "regression"


def test_a_missing_baseline_is_no_pass():
    assert compare([on_gpu()], []).outcome == "no_baseline"


@pytest.mark.parametrize("part", [name for name in ALWAYS if name != "gpu"])
def test_each_part_of_the_conditions_must_agree_and_is_named(part):
    comparison = compare([on_gpu(fingerprint={part: "other"})], [on_gpu()])
    assert comparison.outcome == "not_comparable"
    (only,) = comparison.differences
    assert (only.name, only.now) == (part, "other")
    assert comparison.rows == ()


@pytest.mark.parametrize("part", ["python", "code_version", "recipe_kb", "platform", "not_measured", *ON_A_CPU])
def test_what_is_under_test_or_changes_nothing_may_differ(part):
    assert compare([on_gpu(fingerprint={part: "other"})], [on_gpu()]).outcome == "same"


@pytest.mark.parametrize("part", ON_A_CPU)
def test_a_cpu_must_be_the_same_cpu(part):
    comparison = compare([on_cpu(fingerprint={part: "other"})], [on_cpu()])
    assert comparison.outcome == "not_comparable"
    assert [one.name for one in comparison.differences] == [part]


def test_a_cpu_run_of_another_length_or_of_other_sizes_is_not_comparable():
    steps = compare([on_cpu({"num_steps": 8})], [on_cpu()])
    assert [(one.name, one.before, one.now) for one in steps.differences] == [("num_steps", 24, 8)]
    shorter = Deviation(setting="max_length", recipe=512, probe=32, why="shorter-on-cpu")
    sizes = compare([on_cpu(deviations=(shorter,))], [on_cpu()])
    assert [(one.name, one.before, one.now) for one in sizes.differences] == [("max_length", 64, 32)]
    assert steps.outcome == sizes.outcome == "not_comparable"


def test_memory_of_a_cpu_run_is_not_compared_and_that_is_said():
    comparison = compare([on_cpu()], [on_cpu()])
    assert comparison.outcome == "same"
    assert {row.why for row in comparison.rows if row.name in MEMORY} == {"not_measured"}
    assert compare([on_cpu({"samples_per_s": 1.0})], [on_cpu()]).outcome == "regression"


def test_an_emulated_card_must_be_limited_alike():
    emulated = on_gpu(mode="emulated", emulation=PLAYED_T4)
    smaller = PLAYED_T4.model_copy(update={"capped_bytes": 14_000_000_000})
    assert compare([emulated], [emulated]).outcome == "same"
    comparison = compare([on_gpu(mode="emulated", emulation=smaller)], [emulated])
    assert [one.name for one in comparison.differences] == ["capped_bytes"]


def test_the_difference_that_is_shown_is_from_the_record_that_is_most_alike():
    near = on_gpu(fingerprint={"driver": "570.1"}, started="2026-11-01T10:00:00+00:00")
    far = on_gpu(fingerprint={"driver": "570.1", "torch": "2.11.0"})
    for baseline in ([near, far], [far, near]):
        assert [one.name for one in compare([on_gpu()], baseline).differences] == ["driver"]


def test_a_disturbed_run_still_has_its_memory():
    disturbed = on_gpu({"samples_per_s": 1.0}, not_comparable=("another process used the GPU",))
    comparison = compare([disturbed], [on_gpu()])
    assert comparison.outcome == "not_comparable"
    assert row_of(comparison, "samples_per_s").why == "not_comparable"
    assert row_of(comparison, "peak_reserved_bytes").finding == "same"
    larger = on_gpu({"peak_reserved_bytes": 8 * 2**30}, not_comparable=("another process used the GPU",))
    assert compare([larger], [on_gpu()]).outcome == "regression"


def test_undisturbed_repeats_are_enough_for_the_throughput():
    disturbed = on_gpu({"samples_per_s": 1.0}, not_comparable=("another process used the GPU",))
    assert compare([disturbed, on_gpu(), disturbed], [on_gpu()]).outcome == "same"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), -1.0])
def test_a_figure_lost_on_one_side_is_no_pass(value):
    for runs, baseline in (
        ([on_gpu({"samples_per_s": value})], [on_gpu()]),
        ([on_gpu()], [on_gpu({"samples_per_s": value})]),
    ):
        comparison = compare(runs, baseline)
        assert comparison.outcome == "not_comparable"
        assert row_of(comparison, "samples_per_s").why == "measured_on_one_side"


def test_a_pass_without_any_figure_is_no_pass():
    nothing = {"samples_per_s": None, "loss_first": None}
    assert compare([on_cpu(nothing)], [on_cpu(nothing)]).outcome == "not_comparable"


def test_the_loss_of_another_schedule_says_nothing():
    """The learning rate falls over the steps asked for; runs that end by themselves all have the same one."""
    ended = compare([on_gpu({"num_steps": 40, "loss_first": 9.0})], [on_gpu()])
    assert ended.outcome == "regression"
    asked = compare([on_gpu({"num_steps": 40, "loss_first": 9.0, "stable": None})], [on_gpu()])
    assert asked.outcome == "same"
    assert row_of(asked, "loss_first").why == "other_schedule"


def test_a_baseline_is_found_newest_first_and_never_the_run_itself(tmp_path):
    old = on_gpu(started="2026-10-01T10:00:00+00:00")
    new = on_gpu(started="2026-11-20T10:00:00+02:00", fingerprint={"torch": "2.11.0"})
    run = on_gpu(started="2026-11-21T10:00:00+00:00")
    assert baseline_of(tmp_path, run) == []
    for one in (old, new):
        record(one, tmp_path)
    own = record(run, tmp_path)
    assert baseline_of(tmp_path, run, without={own}) == [new, old]
    assert baseline_of(tmp_path, run) == [run, new, old]


def test_only_passed_records_of_this_recipe_and_place_count(tmp_path):
    for other in (
        on_cpu(),
        on_gpu(gpu_name="NVIDIA H200"),
        on_gpu(mode="emulated", emulation=PLAYED_T4),
        on_gpu(verdict="alloc_retries"),
        on_gpu(verdict="oom", measured=None),
    ):
        record(other, tmp_path)
    assert baseline_of(tmp_path, on_gpu()) == []
    assert baseline_of(tmp_path, on_cpu()) == [on_cpu()]
    at_prediction = PLAYED_T4.model_copy(update={"capped_at": "prediction"})
    assert baseline_of(tmp_path, on_gpu(mode="emulated", emulation=at_prediction)) == []
    assert len(baseline_of(tmp_path, on_gpu(mode="emulated", emulation=PLAYED_T4))) == 1


def test_a_disturbed_record_still_is_a_baseline_of_memory(tmp_path):
    record(on_gpu({"samples_per_s": 1.0}, not_comparable=("another process used the GPU",)), tmp_path)
    alone = compare([on_gpu()], baseline_of(tmp_path, on_gpu()))
    assert alone.outcome == "not_comparable"
    assert row_of(alone, "peak_reserved_bytes").finding == "same"
    assert remedy(alone).endswith("--record")  # to run again without recording would change nothing
    larger = on_gpu({"peak_reserved_bytes": 8 * 2**30})
    assert compare([larger], baseline_of(tmp_path, larger)).outcome == "regression"


def test_an_undisturbed_record_is_the_baseline_though_a_disturbed_one_is_newer(tmp_path):
    record(on_gpu(started="2026-11-20T10:00:00+00:00"), tmp_path)
    record(on_gpu({"samples_per_s": 1.0}, not_comparable=("another process used the GPU",)), tmp_path)
    comparison = compare([on_gpu()], baseline_of(tmp_path, on_gpu()))
    assert (comparison.outcome, comparison.baseline[0].started[:10]) == ("same", "2026-11-20")


def test_records_of_the_same_text_of_the_recipe_are_preferred(tmp_path):
    same = on_gpu(started="2026-10-01T10:00:00+00:00")
    other = on_gpu(started="2026-11-01T10:00:00+00:00", fingerprint={"recipe_sha256": "1" * 64})
    record(other, tmp_path)
    (only,) = compare([on_gpu()], baseline_of(tmp_path, on_gpu())).differences
    assert only.name == "recipe_sha256"
    record(same, tmp_path)
    assert baseline_of(tmp_path, on_gpu()) == [same]


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00", '{"schema": "kb-evidence/2"}'])
def test_a_record_that_cannot_be_read_is_no_missing_baseline(tmp_path, content):
    path = record(on_gpu(), tmp_path).with_name("2026-11-23-t4-native.json")
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInputError, match="KB115") as caught:
        baseline_of(tmp_path, on_gpu())
    assert caught.value.problems[0].where == str(path)
    assert RECIPE in str(path)
