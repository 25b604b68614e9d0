"""The simulation prints what it found, writes it only when asked, and says the same each time."""

import json

import pytest
import tune_simulation
from figures import write_figures
from tune_simulation import main, simulate


def test_a_run_prints_both_ways_and_writes_nothing(capsys, monkeypatch):
    monkeypatch.setattr(tune_simulation, "write_figures", lambda *_: pytest.fail("written"))
    assert main(["--cards", "100"]) == 0
    kept, grows = capsys.readouterr().out.splitlines()
    assert kept.startswith("effective batch kept")
    assert grows.startswith("effective batch grows")


def test_figures_hold_both_ways_and_the_sums(tmp_path, monkeypatch):
    monkeypatch.setattr(
        tune_simulation, "write_figures", lambda script, values: write_figures(script, values, tmp_path)
    )
    assert main(["--cards", "100", "--figures"]) == 0
    found = json.loads((tmp_path / "tune-simulation.json").read_text(encoding="utf-8"))
    parts = found["kept"], found["grows"]
    for name in ("num_cards", "num_probes", "num_out_of_memory", "num_retried"):
        assert found[name] == sum(part[name] for part in parts)
    assert found["most_probes"] == max(part["most_probes"] for part in parts)
    assert 0.9 < found["grows"]["share_of_99"] <= found["grows"]["share_of_95"] <= found["grows"]["median_share"] <= 1


def test_cards_are_drawn_the_same_each_time():
    assert simulate(120, grows=True) == simulate(120, grows=True)


@pytest.mark.parametrize("number", ["99", "-5", "many"])
def test_too_few_cards_are_refused(number, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--cards", number])
    assert ended.value.code == 2
    assert "no number from 100" in capsys.readouterr().err
