"""A change runs what it can affect and nothing else; what a probe imports is never left out."""

import subprocess

import grimp
import pytest

from checkout import ROOT
from recipe_kb.errors import BadInputError, CannotHereError
from recipe_kb.probe.record import record
from recipe_kb.regress.touched import changed_since, touched
from recipe_kb.store.store import Store
from recorded import RECIPE, on_gpu

DERIVED = "h200/biobert/8t-512-full"
WORDS_ONLY = {
    "recipe_kb.errors",
    "recipe_kb.i18n",
    "recipe_kb.text",
    "recipe_kb.resolve.answer",  # makes the question, before anything runs
    "recipe_kb.store.yaml_file",  # writes an export, which a run does not read
}


@pytest.fixture
def everything(store):
    return set(store.recipe_files()) | {
        path.relative_to(store.root / "evidence").as_posix()
        for path in (store.root / "evidence").glob("*/*/*")
        if path.is_dir()
    }


@pytest.fixture
def with_derived(broken_kb):
    record(on_gpu(recipe=DERIVED), broken_kb)
    return Store(broken_kb)


def test_a_recipe_touches_itself(store):
    assert touched(store, [f"kb/recipes/{RECIPE}.yaml"]) == {RECIPE}
    assert touched(store, [f"kb/evidence/{RECIPE}/2026-11-22-cpu.json"]) == {RECIPE}


def test_a_recipe_that_is_gone_touches_nothing(store):
    assert touched(store, ["kb/recipes/t4/biobert/9t-512-full.yaml", "kb/recipes/notes.yaml"]) == set()


def test_a_gpu_touches_its_recipes_and_a_model_its_own(store, everything):
    assert touched(store, ["kb/gpus/t4.yaml"]) == {name for name in everything if name.startswith("t4/")}
    for path in ("kb/models/biobert.yaml", "kb/memory/biobert.json"):
        found = touched(store, [path])
        assert found == {name for name in everything if "/biobert/" in name}
        assert RECIPE in found


def test_changes_add_up(store):
    assert touched(store, ["kb/gpus/t4.yaml", "kb/models/biobert.yaml"]) == touched(
        store, ["kb/gpus/t4.yaml"]
    ) | touched(store, ["kb/models/biobert.yaml"])


@pytest.mark.parametrize(
    "path",
    ["kb/rules/sqrt-adam.yaml", "kb/cuda.yaml", "src/recipe_kb/resolve/derive.py", "src/recipe_kb/memory/gpu.py"],
)
def test_rules_touch_derived_cells_only(with_derived, path):
    assert touched(with_derived, [path]) == {DERIVED}


def test_a_derived_cell_belongs_to_its_gpu_and_model(with_derived):
    assert touched(with_derived, ["kb/gpus/h200.yaml"]) == {DERIVED}
    assert {DERIVED, RECIPE} <= touched(with_derived, ["kb/models/biobert.yaml"])
    assert touched(with_derived, [f"kb/evidence/{DERIVED}/2026-11-22-t4-native.json"]) == {DERIVED}


@pytest.mark.parametrize(
    "path",
    [
        "pyproject.toml",
        "constraints.txt",
        "src/recipe_kb/probe/run.py",
        "src/recipe_kb/training/loop.py",
        "src/recipe_kb/dialects/training_arguments.py",
        "src/recipe_kb/tune/search.py",
        "src/recipe_kb/a_new_layer/first.py",
        "src/recipe_kb/units.py",
        "src/recipe_kb/resolve/recipe_hash.py",
    ],
)
def test_what_trains_touches_everything(store, everything, path):
    assert touched(store, ["README.md", path]) == everything


@pytest.mark.parametrize(
    "path",
    [
        "docs/en/evidence.md",
        "README.md",
        "kb/claims/002.yaml",
        "kb/glossary.yaml",
        "kb/sources.yaml",
        "tests/probe/test_plan.py",
        "benchmarks/start_time.py",
        "changelog.d/1.added.md",
        "src/recipe_kb/cli/show.py",
        "src/recipe_kb/locale/vi/LC_MESSAGES/recipe_kb.po",
        "src/recipe_kb/regress/compare.py",
        "src/recipe_kb/i18n.py",
        "../elsewhere/kb/recipes/x.yaml",
        "",
    ],
)
def test_words_and_tests_touch_nothing(store, path):
    assert touched(store, [path]) == set()


def test_all_that_trains_and_what_it_imports_touches_everything(store, everything):
    graph = grimp.build_graph("recipe_kb", cache_dir=None)
    trains = {
        name
        for layer in ("probe", "training")
        for name in {f"recipe_kb.{layer}"} | graph.find_descendants(f"recipe_kb.{layer}")
    }
    trains |= {"recipe_kb.dialects", "recipe_kb.dialects.training_arguments"}
    assert len(trains) > 20
    imported = {name for module in trains for name in graph.find_modules_directly_imported_by(module)}
    assert "recipe_kb.resolve.recipe_hash" in imported
    for module in (trains | imported) - WORDS_ONLY:
        path = ROOT / "src" / module.replace(".", "/")
        file = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
        assert touched(store, [file.relative_to(ROOT).as_posix()]) == everything, file


def git(folder, *words):
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose branch `work` left `main` after its first commit."""
    (tmp_path / "kb" / "gpus").mkdir(parents=True)
    for name in ("kb/gpus/t4.yaml", "kb/gpus/l4.yaml", "kb/cuda.yaml", "old.md"):
        (tmp_path / name).write_text(f"{name}\n" * 5, encoding="utf-8")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    git(tmp_path, "checkout", "-b", "work")
    return tmp_path


def test_what_changed_is_what_this_branch_changed(checkout):
    assert changed_since(checkout / "kb", "main") == []
    (checkout / "kb/gpus/t4.yaml").write_text("changed", encoding="utf-8")
    git(checkout, "commit", "-am", "second")
    git(checkout, "checkout", "main")
    (checkout / "kb/gpus/l4.yaml").write_text("by others", encoding="utf-8")
    git(checkout, "commit", "-am", "others")
    git(checkout, "checkout", "work")
    assert changed_since(checkout / "kb", "main") == ["kb/gpus/t4.yaml"]


def test_what_is_not_committed_counts_and_both_names_of_what_moved(checkout):
    (checkout / "kb/cuda.yaml").write_text("changed", encoding="utf-8")
    (checkout / "kb/gpus/học tập.yaml").write_text("new\n", encoding="utf-8")
    (checkout / ".gitignore").write_text("ignored\n", encoding="utf-8")
    (checkout / "ignored").write_text("", encoding="utf-8")
    git(checkout, "mv", "old.md", "new.md")
    found = changed_since(checkout / "kb", "main")
    assert found == [".gitignore", "kb/cuda.yaml", "kb/gpus/học tập.yaml", "new.md", "old.md"]


def test_a_knowledge_base_deeper_in_a_repository(checkout):
    (checkout / "data" / "own").mkdir(parents=True)
    (checkout / "data" / "own" / "cuda.yaml").write_text("new", encoding="utf-8")
    (checkout / "old.md").write_text("changed", encoding="utf-8")
    assert changed_since(checkout / "data" / "own", "main") == ["../old.md", "own/cuda.yaml"]


def test_a_folder_of_another_name_is_the_knowledge_base(broken_kb):
    other = broken_kb.rename(broken_kb.with_name("recipes of ours"))
    assert touched(Store(other), [f"recipes of ours/recipes/{RECIPE}.yaml"]) == {RECIPE}


@pytest.mark.parametrize("base", ["origin/main", "no such", "--output=stolen", "-h", "HEAD:old.md", "", "\x07"])
def test_an_unknown_revision_is_bad_input_and_no_option(checkout, base):
    before = sorted(checkout.iterdir())
    with pytest.raises(BadInputError, match="KB220") as caught:
        changed_since(checkout / "kb", base)
    assert caught.value.problems[0].next_command == "git fetch"
    assert sorted(checkout.iterdir()) == before


def test_histories_without_a_common_commit(checkout):
    git(checkout, "checkout", "--orphan", "other")
    git(checkout, "commit", "-m", "apart")
    with pytest.raises(BadInputError, match="no history in common"):
        changed_since(checkout / "kb", "main")


def test_a_shallow_clone_says_how_to_get_the_rest(checkout, tmp_path_factory):
    (checkout / "old.md").write_text("changed", encoding="utf-8")
    git(checkout, "commit", "-am", "second")
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "--depth", "1", "--branch", "work", checkout.as_uri(), ".")
    with pytest.raises(BadInputError, match="KB220") as caught:
        changed_since(clone / "kb", "origin/main")
    assert caught.value.problems[0].next_command == "git fetch --unshallow origin main"


def test_no_checkout_and_no_git(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(BadInputError, match="not a git repository"):
        changed_since(tmp_path, "main")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotHereError, match="KB323"):
        changed_since(tmp_path, "main")
