"""Evidence of several GPUs, from messages and readings as two real cards would give them."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from recipe_kb.probe.compose import evidence_of
from recipe_kb.probe.joint import RankResult, join
from recipe_kb.probe.messages import Finished, Started, Telemetry
from recipe_kb.probe.plan import plan_run
from recipe_kb.probe.rank_file import Begun, Ended
from recipe_kb.probe.report import Report
from recipe_kb.probe.resume import answered
from recipe_kb.probe.run import _take_loads
from recipe_kb.probe.verdict import Judgement
from recipe_kb.schema.evidence import GpuLoad
from recipe_kb.training.steps import Step

T4 = "Tesla T4"
STARTED = Started(device="cuda", gpu_name=T4, fingerprint={"gpu": T4})


def of_rank(rank, gpu_name, time_s, reserved_bytes):
    steps = tuple(Step(loss=2.0 - i / 16, grad_norm=1.0, time_s=time_s, skipped=False) for i in range(16))
    telemetry = Telemetry(peak_reserved_bytes=reserved_bytes, num_alloc_retries=0)
    started = STARTED.model_copy(update={"gpu_name": gpu_name})
    finished = Finished(steps=steps, telemetry=telemetry, num_body_parameters=10**6)
    return RankResult(rank, Begun(pid=rank, started=started), Ended(time_s=1.0, finished=finished), None)


def evidence(request, *, names=(T4, T4), loads=None, judgement=("passed", None)):
    loads = loads or [GpuLoad(num_samples=10, interval_s=0.05, kernel_time_share=share) for share in (0.9, 0.8)]
    finished = join([of_rank(0, names[0], 0.1, 5), of_rank(1, names[1], 0.2, 7)])
    plan = plan_run(request, "cuda")
    report = Report(request, lambda *_: None, "cuda", plan, STARTED, finished, 1.0, 2.0, tuple(loads))
    report.nvml_name = "Tesla T4 by NVML"
    return evidence_of(report, Judgement(*judgement), started=datetime.now(UTC), wall_s=9.0)


@pytest.fixture
def two(ask):
    def make(**more):
        return ask("t4/tiny/1t-64-full-2x", device="cuda", gpu_names=(T4,), peak_tflops=65.0, num_steps=16, **more)

    return make


def test_figures_of_both(two):
    found = evidence(two())
    assert (found.mode, found.num_gpus, found.parallel) == ("native", 2, "ddp")
    measured = found.measured
    assert (measured.step_time_s_median, measured.peak_reserved_bytes) == (0.2, 7)
    assert measured.samples_per_s == pytest.approx(2 * 4 / 0.2)
    assert measured.mfu == pytest.approx(6 * 10**6 * 64 * 2 * 4 / 0.2 / (2 * 65e12))
    assert [(rank.peak_reserved_bytes, rank.gpu_load.kernel_time_share) for rank in found.ranks] == [(5, 0.9), (7, 0.8)]
    assert found.gpu_load is None
    assert found.fingerprint["not_measured"] == {"gpu_load": "each rank has its own"}
    assert {"several_gpus", "memory", "speed", "precision"} <= set(found.confirmed)


def test_what_nvml_calls_the_card_is_on_record(two):
    assert evidence(two()).fingerprint["nvml_name"] == "Tesla T4 by NVML"


def test_every_rank_is_ours_on_every_card(two):
    """A rank may open a context on the card of another; that is no stranger."""
    asked_for = []

    class Watching:
        name, reason = "Tesla T4", None

        def load(self, _since, _until, own_pids):
            asked_for.append(set(own_pids))
            return GpuLoad(num_samples=1, interval_s=None)

    finished = join([of_rank(rank, T4, 0.1, 5) for rank in (0, 1)])
    report = Report(two(), lambda *_: None, "cuda", plan_run(two(), "cuda"), STARTED, finished, 1.0, 2.0)
    child = SimpleNamespace(process=SimpleNamespace(pid=77))
    _take_loads(report, [Watching(), Watching()], child, began=0.0)
    assert asked_for == [{0, 1, 77}] * 2
    assert report.nvml_name == "Tesla T4"


def test_one_card_of_another_kind_measures_nothing_of_the_recipe(two):
    assert evidence(two(), names=(T4, "NVIDIA L4")).needs_gpu == ("memory", "speed", "precision")


def test_another_process_on_the_second_card_spoils_the_times(two):
    quiet = GpuLoad(num_samples=10, interval_s=0.05, num_other_processes=0)
    found = evidence(two(), loads=[quiet, quiet.model_copy(update={"num_other_processes": 1})])
    assert found.not_comparable == ("other processes used the GPU: 1",)
    assert "speed" not in found.confirmed
    assert "memory" in found.confirmed


def test_a_card_that_is_not_read_says_why(two):
    found = evidence(two(), loads=["NVML: Not Supported", GpuLoad(num_samples=1, interval_s=None)])
    assert found.ranks[0].gpu_load is None
    assert found.ranks[0].not_measured["gpu_load"] == "NVML: Not Supported"
    assert found.ranks[1].gpu_load is not None


def test_what_all_did_badly_is_said_of_each(two):
    found = evidence(two(), judgement=("no_progress", "mean loss went from 1 to 2"))
    assert {(rank.verdict, rank.reason) for rank in found.ranks} == {("no_progress", "mean loss went from 1 to 2")}


@pytest.mark.parametrize(("parallel", "there"), [("ddp", True), ("fsdp", False)])
def test_evidence_answers_only_for_the_same_way_to_share(two, tmp_path, parallel, there):
    kept = evidence(two())
    folder = tmp_path / "evidence" / kept.recipe
    folder.mkdir(parents=True)
    (folder / "x.json").write_text(kept.model_dump_json(by_alias=True))
    assert (answered(two(parallel=parallel), tmp_path, T4) is not None) == there
    other = kept.model_copy(update={"num_gpus": 4})
    (folder / "x.json").write_text(other.model_dump_json(by_alias=True))
    assert answered(two(parallel=parallel), tmp_path, T4) is None
