"""How lookups, `kb check`, the site and git grow with recipes and evidence; a part of fleet.py.

All times are of processors, user and system: on a machine that does other work too they change less than the clock's.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from site_build import seconds as site_seconds
from site_build import synthetic

from recipe_kb.resolve.answer import answer_key
from recipe_kb.resolve.evidence_files import evidence_problems
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.store import Store

ROOT = Path(__file__).resolve().parent.parent
KB = Path(sys.executable).parent / "kb"
GROWTH_SIZES = (50, 100, 200, 400, 1000, 3000, 10_000)
"""Recipes; each has ten evidence files."""

EVIDENCE_PER_RECIPE = 10
MOST_CHECKED = 400
"""Recipes up to which `kb check` is timed: it replays the training step of each."""

MOST_BUILT = 200
"""Recipes up to which the site is built."""

CONFIG = tuple(
    word
    for pair in ("user.name=benchmark", "user.email=benchmark@localhost", "gc.auto=0", "maintenance.auto=false")
    for word in ("-c", pair)
)
"""No gc of its own in the background, which would be timed along."""

ASKED = "t4/biobert/8t-512-full"
FAR_RECIPES = 100_000
"""What nothing here holds, and what is extrapolated to."""


def growth(sizes: Sequence[int], scratch: Path) -> dict[str, Any]:
    """Print and return times for each size, in seconds of processors.

    Args:
        sizes: Recipes.
        scratch: For the synthetic knowledge bases, one at a time.
    """
    found: dict[str, Any] = {}
    for size in sizes:
        root = scratch / f"kb-{size}" / "kb"
        num_recipes = synthetic(root, size)
        num_evidence = add_evidence(root)
        figures: dict[str, Any] = {"num_recipes": num_recipes, "num_evidence": num_evidence}
        figures |= lookups(root)
        figures["check_evidence_s"] = each(lambda root=root: evidence_problems(Store(root)), repeats=1)  # type: ignore[misc]
        if size <= MOST_CHECKED:
            figures["check_s"] = timed([str(KB), "check", "--quiet"], root, codes={0, 2})
        if size <= MOST_BUILT:
            _clock_s, figures["site_s"] = site_seconds(root, scratch / "build")
        figures |= in_git(root.parent)
        found[f"at_{size}"] = figures
        print({name: round(value, 4) for name, value in figures.items()}, flush=True)
        subprocess.run(["rm", "-rf", str(root.parent)], check=True)
    return found


def add_evidence(root: Path) -> int:
    """Give each recipe ten files, each another: the newest one of a real probe, at another minute."""
    real = max((ROOT / "kb" / "evidence").glob("*/*/*/*.json"))
    record = json.loads(real.read_text(encoding="utf-8"))
    count = 0
    for path in (root / "recipes").glob("*/*/*.yaml"):
        recipe_id = path.relative_to(root / "recipes").as_posix()[:-5]
        folder = root / "evidence" / recipe_id
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(EVIDENCE_PER_RECIPE):
            minute = f"{count // 60 % 24:02}:{count % 60:02}"
            record |= {"recipe": recipe_id, "started": f"2026-{1 + number:02}-01T{minute}:00+00:00"}
            record["measured"]["wall_s"] = 10 + count / 1000  # so that git keeps each as a file of its own
            text = json.dumps(record, indent=2)
            (folder / f"2026-{1 + number:02}-01-cpu.json").write_text(text, encoding="utf-8")
            count += 1
    return count


def lookups(root: Path) -> dict[str, float]:
    """Time what a command looks up, each time as a new process would: nothing is kept."""
    key = RecipeKey.parse(ASKED)
    assert key
    return {
        "answer_s": each(lambda: answer_key(Store(root), key)),
        "evidence_of_one_s": each(lambda: Store(root).evidence(ASKED)),
        "list_s": each(lambda: Store(root).recipe_keys(), repeats=3),
        "list_evidence_s": each(lambda: sum(1 for _ in (root / "evidence").glob("*/*/*/*.json")), repeats=3),
    }


def each(work: Callable[[], object], repeats: int = 15) -> float:
    """Return the median of some runs."""
    took = []
    for _repeat in range(repeats):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return median(took)


def timed(command: Sequence[str], root: Path, codes: set[int]) -> float:
    """Time a whole process."""
    began = _children_s()
    done = subprocess.run(command, capture_output=True, env=os.environ | {"KB_ROOT": str(root)}, cwd=root, check=False)
    assert done.returncode in codes, done.stderr[-500:]
    return _children_s() - began


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_git(folder: Path) -> dict[str, float]:
    """Commit it, and ask git what a person asks most."""
    git = ["git", "-C", str(folder), *CONFIG]

    def run(*words: str) -> float:
        began = _children_s()
        subprocess.run([*git, *words], check=True, stdout=subprocess.DEVNULL)
        return _children_s() - began

    run("init", "--quiet")
    add_s, commit_s = run("add", "-A"), run("commit", "--quiet", "-m", "all")
    status_s = min(run("status", "--short") for _repeat in range(3))
    clone_s = run("clone", "--quiet", "--no-local", str(folder), str(folder.with_name("clone")))
    subprocess.run(["rm", "-rf", str(folder.with_name("clone"))], check=True)
    run("gc", "--quiet")
    size = sum(path.stat().st_size for path in (folder / ".git").rglob("*") if path.is_file())
    times = {"git_add_s": add_s, "git_commit_s": commit_s, "git_status_s": status_s, "git_clone_s": clone_s}
    return times | {"git_packed_bytes": size}


def extrapolated(found: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Draw a line through the two largest sizes of each figure to 100 000 recipes: no measurement, and none falls."""
    values: dict[str, Any] = {"num_recipes": FAR_RECIPES, "num_evidence": FAR_RECIPES * EVIDENCE_PER_RECIPE}
    by_size = sorted(found.values(), key=lambda figures: figures["num_recipes"])
    names = dict.fromkeys(name for figures in by_size for name in figures if not name.startswith("num_"))
    for name in names:
        points = [(figures["num_recipes"], figures[name]) for figures in by_size if name in figures][-2:]
        if len(points) == 2:  # noqa: PLR2004 - a line
            (near, low), (far, high) = points
            values[name] = max(high, high + (high - low) / (far - near) * (FAR_RECIPES - far))
    return values
