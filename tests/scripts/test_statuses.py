"""`scripts/statuses.py`: evidence raises a status, nothing lowers one, and only one word of a file changes."""

import pytest
import statuses
from hypothesis import given
from hypothesis import strategies as st
from statuses import Rise, change_line, main

from recipe_kb.cli.main import run
from recipe_kb.errors import BadInputError
from recipe_kb.probe.record import record
from recipe_kb.resolve.emulation import emulation_of
from recipe_kb.resolve.recipe_hash import recipe_hash
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.store import Store
from recorded import PLAYED_T4, RECIPE, on_cpu, on_gpu

KEY = RecipeKey.parse(RECIPE)


@pytest.fixture
def root(broken_kb, monkeypatch):
    monkeypatch.setenv("KB_ROOT", str(broken_kb))
    return broken_kb


@pytest.fixture
def keep(root):
    """Return a function that keeps evidence of the very settings of the recipe."""

    def kept(evidence=on_gpu, **changes):
        digest = recipe_hash(Store(root).recipe(KEY))
        fingerprint = {"recipe_sha256": digest} | changes.pop("fingerprint", {})
        return record(evidence(fingerprint=fingerprint, **changes), root)

    return kept


def status_in(root):
    return Store(root).recipe(KEY).status


def test_a_measurement_on_the_own_gpu_makes_it_measured_and_the_knowledge_base_agrees(root, keep, capsys):
    path = root / Store(root).recipe_path(KEY)
    before = path.read_bytes()
    keep()
    assert main([]) == 0
    assert capsys.readouterr().out == f"{RECIPE}: predicted -> measured\n"
    assert path.read_bytes() == before.replace(b"status: predicted", b"status: measured")
    assert run(["check"]) == 0
    assert main(["--check"]) == 0


def test_check_changes_nothing_and_says_what_is_to_be_done(root, keep, capsys):
    keep()
    assert main(["--check"]) == 1
    assert "predicted -> measured" in capsys.readouterr().out
    assert status_in(root) == "predicted"


def test_an_emulation_makes_it_emulated_and_a_measurement_later_measured(root, keep):
    emulated = {"mode": "emulated", "gpu_name": "NVIDIA H200", "emulation": PLAYED_T4, "confirmed": ("memory",)}
    keep(**emulated)
    assert main([]) == 0
    assert status_in(root) == "emulated"
    keep()
    assert main([]) == 0
    assert status_in(root) == "measured"
    assert main([]) == 0
    assert status_in(root) == "measured"


@pytest.mark.parametrize("more_bytes", [0, 1])
def test_an_emulation_with_more_memory_than_the_card_has_today_proves_nothing(root, keep, more_bytes):
    capped = emulation_of(Store(root), "t4").capped_bytes + more_bytes
    played = PLAYED_T4.model_copy(update={"capped_bytes": capped})
    keep(mode="emulated", gpu_name="NVIDIA H200", emulation=played, confirmed=("memory",))
    main([])
    assert status_in(root) == ("predicted" if more_bytes else "emulated")


@pytest.mark.parametrize(
    "changes",
    [
        {"evidence": on_cpu},
        {"verdict": "oom"},
        {"confirmed": ("trains",)},
        {"gpu_name": "NVIDIA H200"},
        {"fingerprint": {"recipe_sha256": "0" * 64}},
    ],
    ids=["cpu", "oom", "memory not confirmed", "another card", "other settings"],
)
def test_what_proves_nothing_raises_nothing(root, keep, changes):
    keep(**changes)
    assert main(["--check"]) == 0


def test_no_evidence_lowers_nothing(root):
    path = root / Store(root).recipe_path(KEY)
    path.write_bytes(path.read_bytes().replace(b"status: predicted", b"status: measured"))
    assert main([]) == 0
    assert status_in(root) == "measured"
    assert run(["check"]) != 0  # but the knowledge base says so


def test_a_refuted_recipe_stays_refuted(root):
    refuted = RecipeKey.parse("vram-4gb/qwen2.5-0.5b/1t-512-full")
    recipe = Store(root).recipe(refuted)
    emulation = PLAYED_T4.model_copy(update={"gpu": "vram-4gb"})
    fingerprint = {"recipe_sha256": recipe_hash(recipe)}
    record(on_gpu(fingerprint=fingerprint, recipe=str(refuted), mode="emulated", emulation=emulation), root)
    assert recipe.status == "refuted"
    assert main(["--check"]) == 0


def test_the_checkout_claims_all_that_its_evidence_proves(monkeypatch, store):
    assert list(statuses.rises(store)) == []


@given(
    head=st.sampled_from(["", "# status: predicted in a comment\n", "origin: guide\r\n"]),
    spaces=st.sampled_from([" ", "   ", "\t"]),
    tail=st.sampled_from(["\n", "  # why\n", "\r\nnotes: [status]\r\n", ""]),
)
def test_every_other_byte_stays(tmp_path_factory, head, spaces, tail):
    path = tmp_path_factory.getbasetemp() / "one.yaml"
    path.write_bytes(f"{head}status:{spaces}predicted{tail}".encode())
    change_line(path, Rise(key=KEY, before="predicted", now="measured"))
    assert path.read_bytes() == f"{head}status:{spaces}measured{tail}".encode()


@pytest.mark.parametrize(
    "content", ["", "  status: predicted\n", "status: 'predicted'\n", "status: reported\n", "status: predicted\n" * 2]
)
def test_a_status_that_has_no_line_of_its_own_is_left_alone(tmp_path, content):
    path = tmp_path / "one.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInputError, match="KB121"):
        change_line(path, Rise(key=KEY, before="predicted", now="measured"))
    assert path.read_text(encoding="utf-8") == content
