"""What the growth of a fleet is extrapolated from, and that a synthetic knowledge base is what it claims to be."""

import fleet_growth
import pytest
from fleet_growth import EVIDENCE_PER_RECIPE, add_evidence, extrapolated, growth
from site_build import synthetic

from recipe_kb.resolve.evidence_files import evidence_problems
from recipe_kb.store.store import Store


def test_a_line_goes_through_the_two_largest_sizes():
    found = {
        "at_1": {"num_recipes": 100, "num_evidence": 1000, "check_s": 50.0, "site_s": 9.0},
        "at_2": {"num_recipes": 1000, "num_evidence": 10_000, "check_s": 2.0, "site_s": 18.0},
        "at_3": {"num_recipes": 3000, "num_evidence": 30_000, "check_s": 6.0, "list_s": 1.0},
    }
    far = extrapolated(found)
    assert (far["num_recipes"], far["num_evidence"]) == (100_000, 1_000_000)
    assert far["check_s"] == pytest.approx(200.0)
    assert far["site_s"] == pytest.approx(18 + 99 * 10)
    assert "list_s" not in far  # one point is no line


@pytest.mark.slow
def test_the_evidence_of_a_synthetic_knowledge_base_is_evidence(tmp_path):
    root = tmp_path / "kb"
    num_recipes = synthetic(root, 60)
    assert num_recipes == 60
    assert add_evidence(root) == 60 * EVIDENCE_PER_RECIPE
    assert evidence_problems(Store(root)) == []


@pytest.mark.slow
def test_growth_times_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fleet_growth, "MOST_CHECKED", 0)
    monkeypatch.setattr(fleet_growth, "MOST_BUILT", 0)
    (figures,) = growth([60], tmp_path).values()
    assert (figures["num_recipes"], figures["num_evidence"] >= 600) == (60, True)
    assert {"answer_s", "list_s", "git_commit_s", "git_status_s", "git_clone_s", "git_packed_bytes"} <= set(figures)
    assert all(value > 0 for value in figures.values())
    assert "num_recipes" in capsys.readouterr().out
    assert not list(tmp_path.glob("kb-60*"))
