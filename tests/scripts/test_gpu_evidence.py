"""`scripts/gpu_evidence.py`: parts are walked in order, within a limit, and what has answered is not asked again."""

import json
import subprocess
import sys
import time
from dataclasses import replace

import evidence_parts
import gpu_evidence
import pytest
from evidence_parts import PARTS, ROOT, Place, Work, code_version
from gpu_evidence import main

from recipe_kb.cli.group import root_group
from recipe_kb.errors import CannotHereError, Problem
from recipe_kb.probe.asked import request_for
from recipe_kb.probe.fingerprint import fingerprint
from recipe_kb.probe.record import record
from recipe_kb.resolve.emulation import emulation_of
from recipe_kb.store.store import Store
from recorded import on_cpu, on_gpu

H200 = "NVIDIA H200"
EMULATED = "t4/biobert/8t-512-full"


@pytest.fixture
def place(broken_kb):
    """An H200 with an empty cupboard."""
    return Place(store=Store(broken_kb), gpu="h200", gpu_name=H200)


def works(place, part):
    return {work.name: work for work in PARTS[part](place)}


def keep(place, recipe_id, capped_at=None, **changes):
    """Keep evidence of a recipe as its probe on this card would."""
    answer = place.answer(recipe_id)
    emulation = emulation_of(place.store, answer.key.gpu) if capped_at == "card" else None
    facts = fingerprint(request_for(answer, emulation=emulation))
    mode = "emulated" if emulation else "native"
    told = {"recipe": recipe_id, "mode": mode, "gpu_name": H200, "emulation": emulation, "fingerprint": facts}
    return record(on_gpu(**told | changes), place.store.root)


def test_each_part_has_work_and_no_work_comes_twice(place):
    for part in PARTS:
        names = [work.name for work in PARTS[part](place)]
        assert names, part
        assert len(names) == len(set(names)), part


def test_the_commands_are_commands_of_this_project(place):
    """They run unattended for hours; a wrong option would be found only there."""
    import gpu_memory_grid
    import time_to_best_batch

    scripts = {"gpu_memory_grid.py": gpu_memory_grid, "time_to_best_batch.py": time_to_best_batch}
    on_cpu_too = Place(store=place.store, gpu="t4", gpu_name=None, cpu=True)
    num_checked = 0
    for here in (place, on_cpu_too):
        for work in (work for part in PARTS.values() for work in part(here)):
            if work.command[:3] == evidence_parts.KB:
                name, *words = work.command[3:]
                root_group().get_command(None, name).make_context(name, words)
            else:
                script = work.command[1]
                scripts[script.rpartition("/")[2]]._parser().parse_args([*work.command[2:], "--limit-seconds", "9"])
            num_checked += 1
    assert num_checked > 50


def test_a_recipe_with_evidence_of_this_card_is_not_run_again(place):
    native = works(place, "native")["h200/biobert/8t-512-full"]
    assert not native.is_done()
    keep(place, native.name, gpu_name="NVIDIA L4")
    assert not native.is_done()
    keep(place, native.name, verdict="oom")
    assert native.is_done()


def test_other_versions_or_another_cap_answer_another_question(place):
    card, prediction = works(place, "emulated")[EMULATED], works(place, "prediction")[EMULATED]
    keep(place, EMULATED, "card", fingerprint={"torch": "1.0"})
    assert not card.is_done()
    keep(place, EMULATED, "card")
    assert card.is_done()
    assert not prediction.is_done()


def test_the_smoke_test_has_to_pass(place):
    (work,) = PARTS["smoke"](place)
    keep(place, work.name, verdict="crash", started="2026-11-22T10:00:00+00:00")
    assert not work.is_done()
    keep(place, work.name, started="2026-11-23T10:00:00+00:00")
    assert work.is_done()


def test_a_smoke_test_that_failed_is_run_again_on_the_same_day(place):
    """With `--resume` its own failure would answer it for ever, and no other part would ever begin."""
    (work,) = PARTS["smoke"](place)
    assert "--resume" not in work.command
    keep(place, work.name, verdict="crash", started="2026-11-22T10:00:00+00:00")
    keep(place, work.name, started="2026-11-22T11:00:00+00:00")
    assert work.is_done()


def test_a_part_ends_within_nine_minutes_and_a_half():
    assert gpu_evidence.LIMIT_S + gpu_evidence.GRACE_S + gpu_evidence.STOP_S <= 9.5 * 60


def test_only_smaller_cards_are_played(broken_kb):
    l4 = Place(store=Store(broken_kb), gpu="l4", gpu_name="NVIDIA L4")
    cards = {name.partition("/")[0] for name in works(l4, "emulated")}
    assert "t4" in cards
    assert not cards & {"l4", "a100-40gb"}


def test_a_tuned_recipe_is_not_tuned_again(place):
    work = next(PARTS["tune"](place))
    assert not work.is_done()
    path = place.store.root / "recipes" / f"{work.name}.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("origin: tuned\n", encoding="utf-8")
    assert work.is_done()


def answer(verdict="oom", reason=None, used_by_others=0):
    measured = {"verdict": verdict, "reason": reason}
    return json.dumps({"batches": [{"measured": None}, {"measured": measured}], "used_by_others_bytes": used_by_others})


@pytest.mark.parametrize(
    ("code", "output", "kept"),
    [
        (1, answer(), True),
        (1, answer("no_progress"), True),
        (1, "", True),  # nothing fits the cell
        (1, answer("crash", "killed by SIGKILL"), False),
        (1, answer("timeout"), False),
        (1, answer(used_by_others=2**30), False),
        (3, answer("unsupported"), False),
        (70, "", False),
    ],
)
def test_a_search_that_ended_without_a_recipe_is_remembered(place, code, output, kept):
    work = next(PARTS["tune"](place))
    work.hear(code, output)
    assert work.is_done() == kept
    assert not list(PARTS["tune"](place))[1].is_done()


def test_another_card_or_code_searches_again(place, monkeypatch):
    next(PARTS["tune"](place)).hear(1, answer())
    assert next(PARTS["tune"](place)).is_done()
    assert not next(PARTS["tune"](replace(place, gpu_name="NVIDIA H200 NVL"))).is_done()
    monkeypatch.setattr(evidence_parts, "code_version", lambda *_paths: "another")
    assert not next(PARTS["tune"](place)).is_done()


def test_what_failed_before_comes_last(walk, capfd):
    assert walk({"smoke": [("a", WRITES)], "native": [("b", WRITES), ("c", WRITES)]}, tried={"b"}) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("-- ")]
    assert lines == ["-- a", "-- c", "-- b"]


def test_a_recipe_that_crashed_is_left_to_try_again_and_known_as_tried(place):
    work = works(place, "native")["h200/biobert/8t-512-full"]
    assert not work.was_tried()
    keep(place, work.name, verdict="crash")
    assert (work.is_done(), work.was_tried()) == (False, True)


def test_what_decides_a_comparison_is_there_and_the_rest_is_not():
    for path in evidence_parts.TUNE_CODE:
        assert (ROOT / path).exists(), path
    assert not {"src/recipe_kb", "src/recipe_kb/site", "src/recipe_kb/locale"} & set(evidence_parts.TUNE_CODE)


def test_the_comparison_is_done_when_all_is_measured(place):
    (work,) = PARTS["comparison"](place)
    out = place.store.root / "evidence" / work.name
    out.parent.mkdir()
    for document, done in (({}, False), ({"complete": False}, False), ({"complete": True}, True)):
        out.write_text(json.dumps(document), encoding="utf-8")
        assert work.is_done() == done
    out.write_text("[", encoding="utf-8")
    assert not work.is_done()


def test_the_list_for_a_card_that_is_not_here(broken_kb, place, capsys):
    keep(place, "h200/biobert/8t-512-full", fingerprint={"torch": "another"})
    assert main(["native", "--list", "--gpu", "H200", "--kb", str(broken_kb)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  answered  h200/biobert/8t-512-full" in lines
    assert "  left      h200/biobert/1t-512-full" in lines


def test_without_a_gpu_one_line_and_exit_code_3(monkeypatch, broken_kb, capsys):
    def none(_store):
        raise CannotHereError(Problem(code="KB302", what="No NVIDIA GPU found on this machine."))

    monkeypatch.setattr(gpu_evidence, "gpu_of_this_machine", none)
    assert main(["--kb", str(broken_kb)]) == 3
    assert capsys.readouterr().err == "KB302 No NVIDIA GPU found on this machine.\n"


@pytest.mark.parametrize("words", [["everything"], ["--limit-seconds", "soon"], ["smoke", "--list", "--cpu", "--x"]])
def test_wrong_arguments(words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


def test_a_walk_on_a_cpu_does_not_touch_the_evidence_of_the_checkout(capsys):
    assert main(["--cpu", "--kb", str(ROOT / "kb")]) == 2
    assert "--kb" in capsys.readouterr().err


def test_the_version_of_the_code_follows_its_text_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence_parts, "ROOT", tmp_path)
    (tmp_path / "a.py").write_text("1", encoding="utf-8")
    before = code_version("a.py")
    assert code_version("a.py") == before
    (tmp_path / "a.py").write_text("2", encoding="utf-8")
    assert code_version("a.py") != before


@pytest.fixture
def walk(monkeypatch, broken_kb):
    """Return a function that runs parts whose commands write a file, as `(name, code)` each."""

    def run(parts, *words, tried=(), hear=None):
        def part(name):
            return lambda place: (
                Work(
                    name=work,
                    command=(sys.executable, "-c", code, str(place.store.root / "evidence" / work)),
                    is_done=(place.store.root / "evidence" / work).exists,
                    goes_on=work.startswith("bench"),
                    was_tried=lambda work=work: work in tried,
                    hear=hear,
                )
                for work, code in parts[name]
            )

        monkeypatch.setattr(gpu_evidence, "PARTS", {name: part(name) for name in parts})
        (broken_kb / "evidence").mkdir(exist_ok=True)
        return main(["--cpu", "--kb", str(broken_kb), *words])

    return run


WRITES = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('x')"
FAILS = "raise SystemExit(70)"


def test_all_parts_run_in_order_and_a_second_call_has_nothing_to_do(walk, capfd):
    parts = {"smoke": [("a", WRITES)], "grid": [("b", WRITES), ("c", WRITES)]}
    assert walk(parts) == 0
    assert "-- a" in capfd.readouterr().out
    assert walk(parts) == 0
    out = capfd.readouterr().out
    assert "-- a" not in out
    assert [line.split()[:5] for line in out.splitlines() if line.startswith("grid ")] == [["grid", "2", "0", "0", "0"]]


def test_what_fails_is_named_and_the_rest_goes_on(walk, capfd):
    assert walk({"smoke": [("a", WRITES)], "native": [("b", FAILS), ("c", WRITES)]}) == 1
    out = capfd.readouterr().out
    assert "failed: native: b" in out
    assert "-- c" in out


def test_after_a_failed_smoke_test_nothing_is_begun(walk, capfd):
    assert walk({"smoke": [("a", FAILS)], "native": [("b", WRITES)]}) == 1
    said = capfd.readouterr()
    assert "smoke failed" in said.err
    assert "-- b" not in said.out


def test_nothing_is_begun_after_the_limit(walk, capfd):
    assert walk({"smoke": [("a", WRITES)]}, "--limit-seconds", "0") == 1
    assert "0 s are over" in capfd.readouterr().out


def test_a_command_that_hangs_is_stopped_with_its_children(walk, monkeypatch, tmp_path):
    monkeypatch.setattr(gpu_evidence, "GRACE_S", 0.5)
    monkeypatch.setattr(gpu_evidence, "STOP_S", 3.0)
    heard = tmp_path / "heard"
    hangs = (
        "import pathlib, signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "try: time.sleep(60)\n"
        f"except KeyboardInterrupt: pathlib.Path({str(heard)!r}).write_text('x')"
    )
    began = time.monotonic()
    assert walk({"smoke": [("a", hangs)]}, "--limit-seconds", "1") == 1
    assert time.monotonic() - began < 20
    assert heard.exists()  # Ctrl-C came first: `kb` ends its own children then


def test_a_command_that_does_not_hear_is_killed(walk, monkeypatch):
    monkeypatch.setattr(gpu_evidence, "GRACE_S", 0.5)
    monkeypatch.setattr(gpu_evidence, "STOP_S", 0.5)
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"
    began = time.monotonic()
    assert walk({"smoke": [("a", deaf)]}, "--limit-seconds", "1") == 1
    assert time.monotonic() - began < 20


def test_a_benchmark_that_has_something_left_is_no_failure(walk, capfd):
    assert walk({"smoke": [("bench", "raise SystemExit(1)")]}) == 1
    row = next(line.split() for line in capfd.readouterr().out.splitlines() if line.startswith("smoke "))
    assert row[:5] == ["smoke", "0", "0", "0", "1"]


def test_what_a_command_prints_is_heard_and_shown(walk, capfd):
    heard = []
    assert walk({"smoke": [("a", f"print('found'); {FAILS}")]}, hear=lambda *told: heard.append(told)) == 1
    assert heard == [(70, "found\n")]
    assert "found" in capfd.readouterr().out


def test_kb_root_is_where_evidence_goes_without_another_word(monkeypatch, broken_kb, capsys):
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    kept = []
    monkeypatch.setattr(gpu_evidence, "_list", lambda place, _names: kept.append(place.store.root) or 0)
    assert main(["--list", "--gpu", "h200"]) == 0
    assert kept == [broken_kb.resolve()]
    assert main(["--cpu", "--kb", str(broken_kb)]) == 2


def test_what_is_written_is_copied_and_nothing_else(walk, tmp_path, broken_kb):
    (broken_kb / "evidence").mkdir()
    (broken_kb / "evidence" / "old.json").write_text("{}", encoding="utf-8")
    assert walk({"smoke": [("new.json", WRITES)]}, "--new-to", str(tmp_path / "out")) == 0
    copied = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert copied == [tmp_path / "out" / "kb" / "evidence" / "new.json"]


def test_figures_are_those_of_the_newest_record(broken_kb):
    place = Place(store=Store(broken_kb), gpu="t4", gpu_name=None, cpu=True)
    record(on_gpu(started="2026-11-22T10:00:00+00:00"), broken_kb)
    record(on_cpu(started="2026-11-23T10:00:00+00:00"), broken_kb)
    (line,) = gpu_evidence._figures(place, EMULATED)
    assert line.split() == ["passed", "-", "-", "64.0", EMULATED]


@pytest.mark.slow
def test_a_real_walk_on_a_cpu(tmp_path):
    command = [
        sys.executable,
        str(ROOT / "scripts" / "gpu_evidence.py"),
        "smoke",
        "--cpu",
        "--kb",
        str(tmp_path / "kb"),
    ]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    assert len(list((tmp_path / "kb" / "evidence").glob("t4/all-minilm-l6-v2/*/*-cpu.json"))) == 1
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 0
    assert "--" not in second.stdout
