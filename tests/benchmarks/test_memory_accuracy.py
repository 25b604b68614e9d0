"""The memory benchmark: what a table says is read or refused, errors are counted right, the comparisons really run."""

import csv
import json
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
from accuracy import models, versions, words, workers
from accuracy.architecture import FAMILIES, config_of_arch
from accuracy.case import OURS, Case, Estimate, cases_of_table, record_answer
from accuracy.environment import cache_folder
from accuracy.grid import grid_files, grid_rows
from accuracy.report import text_report
from accuracy.scoring import groups, percentile, score
from accuracy.spec import CannotPredictError, RowPrediction, RowSpec
from accuracy.table import COLUMNS, TableError, read_table
from accuracy.version_cost import cost, estimator_of
from hypothesis import given
from hypothesis import strategies as st

from checkout import ROOT
from recipe_kb.memory.predict import MARGIN

TABLE = ROOT / "benchmarks" / "data" / "measured_memory.csv"
SCRIPT = ROOT / "benchmarks" / "memory_accuracy.py"
CURRENT = versions.installed()
TINY = RowSpec(
    id="tiny",
    model="tiny",
    model_class="GPT2LMHeadModel",
    model_type="gpt2",
    config={"n_layer": 2, "n_embd": 64, "n_head": 2, "vocab_size": 1000, "n_positions": 64},
    optimizer="AdamW",
    optimizer_from="torch",
    foreach=True,
    batch=2,
    accumulation=1,
    length=16,
    dynamic=False,
    precision="fp32",
    checkpointing="no",
    attention="eager",
    attention_mask=False,
    loop="bare",
    max_grad_norm=None,
    counter="device",
    context_mib=0.0,
    gpu="",
    capacity_mib=None,
    transformers=CURRENT,
    torch=None,
)


@pytest.fixture(scope="module")
def rows():
    return read_table(TABLE)


@pytest.fixture(scope="module")
def cases(rows):
    return list(cases_of_table(rows, frozenset(row.id for row in rows), CURRENT))


@pytest.fixture
def table(tmp_path):
    """Write the public table with cells changed: `{(row number from 0, column): text}`."""

    def write(changes, *, columns=COLUMNS, name="rows.csv"):
        with TABLE.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        for (number, column), text in changes.items():
            lines[number][column] = text
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(lines)
        return path

    return write


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


def predicted(mib, measured=100.0, *, dynamic=False, tier="A", **interval):
    spec = replace(TINY, dynamic=dynamic)
    estimates = {OURS: Estimate(mib=mib, **interval)}
    return Case(id="x", tier=tier, set="held-out", measured_mib=measured, spec=spec, estimates=estimates)


# What a table says


def test_every_public_row_has_a_spec_or_a_reason(cases):
    assert len(cases) == 64
    refused = {case.id: case.reason for case in cases if case.spec is None}
    assert all("own model" in reason for reason in refused.values())
    assert {row_id[0] for row_id in refused} == {"L", "T"}
    assert len(refused) == 20
    assert {case.set for case in cases} == {"in-sample"}


def test_a_row_is_read_as_it_is_written(cases):
    spec = {case.id: case.spec for case in cases}
    assert (spec["X23"].batch, spec["X23"].length, spec["X23"].dynamic) == (41, 128, False)
    assert spec["X23"].capacity_mib == pytest.approx(8_318_222_336 / 2**20 - 107)
    assert (spec["X05"].dynamic, spec["X27"].dynamic) == (True, True)
    assert (spec["X24"].optimizer, spec["X24"].foreach, spec["X24"].loop) == ("SGD", True, "bare")
    assert (spec["X30"].optimizer_from, spec["X30"].foreach) == ("torch", False)
    assert "unclear" in spec["X30"].notes[0]
    mixed = spec["H05"]
    assert (mixed.precision, mixed.checkpointing, mixed.loop) == ("fp16-amp", "reentrant", "trainer")
    assert (mixed.accumulation, mixed.context_mib, mixed.max_grad_norm) == (4, 1343.0, 1.0)
    assert (mixed.attention_mask, mixed.torch, mixed.transformers) == (False, (1, 10), "4.51.3")
    assert "version mismatch" in mixed.notes[-1]
    checkpointed = {case.id for case in cases if any("non-re-entrant" in note for note in case.notes)}
    assert checkpointed == {"H03", "H05", "H07", "H09", "H10"}
    assert spec["H08"].optimizer_from == "bitsandbytes"
    assert (spec["H06"].optimizer_from, spec["H11"].optimizer, spec["H11"].batch) == ("transformers", "none", 0)


def test_published_configs_are_those_of_the_rows(cases):
    assert not [note for case in cases for note in case.notes if "arch" in note]


def test_ids_that_are_not_public_are_held_out(rows):
    (case,) = cases_of_table([replace(rows[0], id="X99")], frozenset(row.id for row in rows), CURRENT)
    assert case.set == "held-out"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"batch": ""}, "no batch is given"),
        ({"batch": "see yaml"}, "batch 'see yaml' is not a positive whole number"),
        ({"seq_len": "?"}, "names no length"),
        ({"seq_len": "128"}, None),
        ({"optimizer": ""}, "no optimizer is named"),
        ({"precision": "fp8"}, "precision 'fp8'"),
        ({"attn": "flash_attention_2"}, "attention 'flash_attention_2'"),
        ({"counter": "a guess"}, "counter 'a guess' is not known"),
        ({"includes_cuda_context": "y"}, "its size is not stated"),
        ({"source": "GPUMemNet@1"}, "not published"),
        ({"model": "who/knows", "arch": ""}, "not listed"),
        ({"model": "who/knows"}, None),
        ({"arch": '{"cls": "BertForMaskedLM"}'}, "is a gpt_neo, but arch says"),
        ({"arch": '{"cls": "CatForCausalLM"}'}, "model class 'CatForCausalLM'"),
    ],
)
def test_what_a_row_does_not_say_is_the_reason(rows, table, changes, reason):
    path = table({(0, column): text for column, text in changes.items()})
    case = next(cases_of_table(read_table(path), frozenset(), CURRENT))
    if reason is None:
        assert case.spec is not None
    else:
        assert reason in case.reason


def test_a_row_wins_over_the_published_config_and_says_so(rows, table):
    arch = '{"cls": "GPTNeoForCausalLM", "L": 6, "attn_types": "[global,local]x3", "odd": 1}'
    case = next(cases_of_table(read_table(table({(0, "arch"): arch})), frozenset(), CURRENT))
    assert case.spec.config["num_layers"] == 6
    assert "num_layers 6, not 12" in " ".join(case.notes)
    assert "'odd'" in " ".join(case.notes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("512", (512, False)),
        ("4096 packed (exact)", (4096, False)),
        ("<=128 dynamic pad; 128 almost surely", (128, False)),
        ("<=128 dynamic pad; varies between iterations", (128, True)),
        ("4096 max, unpacked", (4096, True)),
    ],
)
def test_lengths(text, expected):
    assert words.length(text) == expected


@pytest.mark.parametrize(
    ("stated", "version", "mismatch"),
    [
        ("4.51.3", "4.51.3", False),
        ("4.51.1", "4.51.3", True),
        ("~4.15-4.17 (inferred)", "4.51.3", True),
        ("4.57.1", "4.57.1", False),
        ("5.2.0", "5.2.0", False),
        ("6.1.0", CURRENT, True),
        ("?", CURRENT, True),
    ],
)
def test_the_nearest_supported_version_is_chosen_and_said(stated, version, mismatch):
    chosen, note = versions.choose(stated, CURRENT)
    assert chosen == version
    assert bool(note) is mismatch


def test_the_cache_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "recipe-kb"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert cache_folder().is_absolute()


# Networks


def test_families_use_names_that_the_config_classes_have():
    from transformers import AutoConfig

    for family in FAMILIES.values():
        config = AutoConfig.for_model(family.model_type)
        asked_by_the_network = {"head_dim"}  # Qwen2 and Phi-3 take it from the config where there is one
        for name in {*family.names.values(), *family.dropouts} - asked_by_the_network:
            assert hasattr(config, name), (family.model_type, name)


def test_listed_networks_agree_with_the_knowledge_base(store):
    compared = 0
    for model_id in store.model_ids():
        model = store.model(model_id)
        published = models.find(model.hub_id)
        if published is None:
            continue
        differing = {
            name for name, value in published.config.items() if name in model.config and model.config[name] != value
        }
        assert not differing, model_id
        assert model.config["model_type"] == published.model_type
        compared += 1
    assert compared > 5


def test_spellings_of_one_network_are_one():
    assert models.find("google/gemma-2-2b-it") is models.find("GEMMA-2-2B")
    assert models.find("T5-small") is models.MODELS["t5-small"]
    assert models.find("meta-llama/Llama-3.2-3B-Instruct") is models.MODELS["llama-3.2-3b"]
    assert models.find("who/knows") is None


def test_an_architecture_that_is_not_understood_is_refused():
    with pytest.raises(CannotPredictError, match="attn_types"):
        config_of_arch({"attn_types": "global"}, FAMILIES["GPTNeo"])


# Malformed files


def test_everything_wrong_with_a_file_is_said_with_its_line(table):
    path = table(
        {
            (0, "measured_MiB"): "much",
            (1, "tier"): "D",
            (2, "arch"): "{broken",
            (3, "id"): "X00",
            (3, "xmem_est_MiB"): "-1",
        }
    )
    with pytest.raises(TableError) as caught:
        read_table(path)
    assert [problem.removeprefix(f"{path}:").split(":")[0] for problem in caught.value.problems] == list("23455")
    assert "measured_MiB is 'much'" in caught.value.problems[0]


def test_malformed_input_ends_with_2_and_no_traceback(table, tmp_path):
    ended = run("--rows", table({(4, "measured_MiB"): ""}))
    assert ended.returncode == 2
    assert ended.stderr == f"{tmp_path}/rows.csv:6: measured_MiB is '' (expected a positive number)\n"
    short = table({}, columns=COLUMNS[:-1])
    assert run("--rows", short).stderr == f"{short}:1: missing columns: conditions\n"
    assert run("--rows", tmp_path / "none.csv").returncode == 2
    assert run("--only", "Z*").returncode == 2
    assert run("--also-version", "4.2").returncode == 2


def test_a_line_with_cells_missing_is_named(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(",".join(COLUMNS) + "\nX1,A\n", encoding="utf-8")
    with pytest.raises(TableError, match=r"rows\.csv:2: 2 cells \(expected 25"):
        read_table(path)


# Arithmetic


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_percentiles_are_numpys(values, share):
    assert percentile(values, share) == pytest.approx(np.percentile(values, share * 100), rel=1e-9, abs=1e-6)


def test_scores_of_known_errors():
    judged = [predicted(mib) for mib in (100.0, 102.0, 99.5, 98.0, 100 / (1 + MARGIN) - 0.1)]
    result = score(judged, OURS)
    assert result.num_runs == 5
    assert result.median == pytest.approx(0.02)
    assert result.p95 == pytest.approx(0.8 * (1 - judged[4].estimates[OURS].mib / 100) + 0.2 * 0.02)
    assert result.under_share == pytest.approx(2 / 5)
    assert result.failure_share == pytest.approx(1 / 5)
    assert result.coverage is None
    assert result.seconds is None
    assert score(judged, "nobody") is None


def test_a_run_that_just_fits_the_margin_does_not_fail():
    assert score([predicted(100.0, measured=100 * (1 + MARGIN))], OURS).failure_share == 0
    assert score([predicted(100.0, measured=100 * (1 + MARGIN) + 0.1)], OURS).failure_share == 1


def test_coverage_counts_dynamic_runs_with_an_interval():
    inside = predicted(90.0, dynamic=True, low=80.0, high=100.0)
    outside = predicted(90.0, dynamic=True, low=80.0, high=99.0)
    fixed = predicted(90.0, low=0.0, high=1.0)
    silent = predicted(90.0, dynamic=True)
    assert score([inside, outside, fixed, silent], OURS).coverage == 0.5


def test_groups_split_by_tier_and_length_and_repeat_nothing():
    members = [predicted(1.0), predicted(1.0, dynamic=True), predicted(1.0, dynamic=True, tier="B")]
    assert {name: len(group) for name, group in groups(members).items()} == {
        "all lengths": 3,
        "fixed length": 1,
        "dynamic length": 2,
        "tier A, dynamic length": 1,
        "tier B, dynamic length": 1,
    }


def test_the_cost_of_another_version():
    first, second, alone = (predicted(100.0) for _ in range(3))
    first.id, second.id = "first", "second"
    first.estimates[estimator_of("5.0.0")] = Estimate(mib=90.0)
    second.estimates[estimator_of("5.0.0")] = Estimate(mib=104.0)
    result = cost([first, second, alone], "5.0.0")
    assert (result.num_runs, result.median, result.largest) == (2, pytest.approx(0.07), pytest.approx(0.1))
    assert result.largest_id == "first"
    assert cost([alone], "5.0.0") is None


def test_the_counter_of_a_row_chooses_the_number():
    prediction = RowPrediction(
        peak_allocated_mib=1.0, peak_reserved_mib=2.0, device_mib=3.0, low=None, high=None, seconds=0.0
    )
    assert [prediction.counted(counter) for counter in ("allocated", "reserved", "device")] == [1.0, 2.0, 3.0]


def test_the_report_names_what_was_not_predicted():
    bad = predicted(0.0)
    bad.estimates.clear()
    record_answer(bad, {"id": "x", "reason": "too strange"})
    good = predicted(101.0)
    good.id = "y"
    text = text_report([good, bad], None, each=True)
    assert "1 of 2 predicted" in text
    assert "x: too strange" in text
    assert "+1.00%" in text


# What really runs


def test_specs_survive_the_trip_to_a_child(cases):
    for case in cases:
        if case.spec:
            assert RowSpec.from_json(json.loads(json.dumps(asdict(case.spec)))) == case.spec


@pytest.mark.slow
def test_mem_tracker_counts_weights_gradients_and_adam():
    from accuracy.build import build_model
    from accuracy.mem_tracker import tracked_peak

    weights = sum(parameter.numel() * 4 for parameter in build_model(TINY).parameters()) / 2**20
    adam = tracked_peak(TINY)["mib"]
    assert adam > 4 * weights
    wide = replace(TINY, batch=64, length=64)  # activations decide, and Adam's two moments lie beside them
    moments = tracked_peak(wide)["mib"] - tracked_peak(replace(wide, optimizer="SGD"))["mib"]
    assert tracked_peak(wide)["mib"] > 2 * adam
    assert moments == pytest.approx(2 * weights, rel=0.05)
    with pytest.raises(CannotPredictError, match="bitsandbytes"):
        tracked_peak(replace(TINY, optimizer_from="bitsandbytes"))


def test_accelerates_rule_is_four_times_the_weights():
    from accuracy.build import build_model
    from accuracy.rules import rules_of_thumb

    model = build_model(TINY)
    rules = rules_of_thumb(TINY)
    weights = sum(parameter.numel() * 4 for parameter in model.parameters()) / 2**20
    assert rules["accelerate"] == pytest.approx(4 * weights, rel=0.02)
    assert rules["weights x4 x1.3"] == pytest.approx(1.3 * rules["accelerate"])


@pytest.mark.slow
def test_a_real_row_is_predicted_by_the_program(table):
    path = table({(0, "transformers"): CURRENT, (0, "id"): "Y00", (1, "transformers"): "own model"})
    ended = run("--rows", path, "--limit", "2", "--without-mem-tracker", "--json")
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    row, refused = report["rows"]
    assert (row["id"], row["set"], row["transformers"]) == ("Y00", "held-out", CURRENT)
    estimates = row["estimates"]
    assert abs(estimates[OURS]["error"]) < 0.15
    assert estimates["xMem"]["seconds"] == 22.2
    assert estimates["accelerate"]["mib"] < row["measured_mib"]
    assert report["sets"]["held-out"]["all lengths"][OURS]["num_runs"] == 1
    assert "own model" in refused["reason"]


@pytest.mark.slow
def test_a_row_that_fails_leaves_the_others_alone():
    strange = replace(TINY, id="strange", optimizer="Nothing")
    answers = {answer["id"]: answer for answer in workers.answers([strange, TINY])}
    assert "Nothing" in answers["strange"]["reason"]
    assert answers["tiny"]["prediction"]["peak_reserved_mib"] > 0


def test_a_child_that_dies_is_the_reason_and_another_goes_on(monkeypatch, tmp_path):
    (tmp_path / "accuracy").mkdir()
    child = "import sys\nfor line in sys.stdin:\n    print('last words', file=sys.stderr)\n    sys.exit(7)\n"
    (tmp_path / "accuracy" / "child.py").write_text(child, encoding="utf-8")
    monkeypatch.setattr(workers, "_BENCHMARKS", tmp_path)
    reasons = [answer["reason"] for answer in workers.answers([TINY, replace(TINY, id="second")])]
    assert reasons == ["the predicting process ended with 7: last words"] * 2


# Our own grid


def test_results_of_the_grid_are_cases(tmp_path):
    from memory_grid.grid import configurations
    from memory_grid.results import SCHEMA

    first, second = list(configurations())[:2]
    machine = {
        "gpu": "NVIDIA H100",
        "gpu_total_bytes": 80 * 2**30,
        "packages": {"torch": "2.13.0", "transformers": "5"},
    }
    phase = "training" if first.run == "train" else "evaluation"
    results = [
        {
            "id": first.id,
            "held_out": first.held_out,
            "configuration": first.to_json(),
            "verdict": "measured",
            "memory": {phase: {"peak_reserved_bytes": 3 * 2**20}},
        },
        {"id": second.id, "held_out": second.held_out, "configuration": second.to_json(), "verdict": "oom"},
    ]
    path = tmp_path / "grid.json"
    path.write_text(json.dumps({"schema": SCHEMA, "machine": machine, "results": results}), encoding="utf-8")
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    assert grid_files(tmp_path) == [path]
    measured, refused = grid_rows(path)
    assert (measured.id, measured.measured_mib, measured.tier) == (first.id, 3.0, "own")
    assert measured.set == ("held-out" if first.held_out else "in-sample")
    assert measured.spec.configuration == first.to_json()
    assert RowSpec.from_json(json.loads(json.dumps(asdict(measured.spec)))).configuration == first.to_json()
    assert (refused.spec, refused.reason) == (None, "not measured: oom")
