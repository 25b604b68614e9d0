"""How long `kb site build` takes, for the present content and for synthetic knowledge bases of up to 5 000 recipes.

Goal: at most 15 s for the present content, and linear: seconds per recipe do not grow.
A synthetic recipe is a kept one under another length, so that each is another cell with a prediction of its own.
`--recipes 500 1000` chooses sizes, `--repeat 3` takes the fastest of three.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOAL_S = 15
SIZES = (40, 500, 1000, 2500, 5000)
LENGTHS = range(64, 512)
"""Lengths of synthetic recipes, in tokens; the trained networks take all of them."""

GOALS = ("", "-quality", "-speed")


def synthetic(root: Path, count: int) -> int:
    """Copy the knowledge base and add recipes until there are enough.

    Args:
        root: Where to copy it.
        count: Recipes in all; as many as there are, if that is more.

    Returns:
        How many recipes there are.
    """
    shutil.copytree(ROOT / "kb", root)
    kept = sorted((root / "recipes").glob("*/*/1t-512-full.yaml"))
    missing = count - len(list((root / "recipes").glob("*/*/*.yaml")))
    names = ((path, f"1t-{length}-full{goal}.yaml") for goal in GOALS for length in LENGTHS for path in kept)
    for source, name in names:
        if missing <= 0:
            break
        target = source.with_name(name)
        if not target.exists() and "status: refuted" not in source.read_text(encoding="utf-8"):
            shutil.copyfile(source, target)
            missing -= 1
    return len(list((root / "recipes").glob("*/*/*.yaml")))


def seconds(root: Path, out: Path) -> tuple[float, float]:
    """Time one build as a whole process: from start to end, and of processors, which a busy machine changes less."""
    command = [str(Path(sys.executable).parent / "kb"), "site", "build", "--quiet", "--out", str(out)]
    start, before = time.perf_counter(), _cpu_s()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=os.environ | {"KB_ROOT": str(root)})
    return time.perf_counter() - start, _cpu_s() - before


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print seconds for each size, and milliseconds for each recipe more than the smallest has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--repeat", type=int, default=1)
    asked = parser.parse_args()
    print(f"{'recipes':>8} {'seconds':>9} {'CPU s':>9} {'ms per recipe':>14} {'CPU ms':>9}   goal: {GOAL_S} s, linear")
    first: tuple[int, float, float] | None = None
    with tempfile.TemporaryDirectory() as scratch:
        for size in sorted(asked.recipes):
            root = Path(scratch) / f"kb-{size}" / "kb"
            count = synthetic(root, size)
            took, cpu = min(seconds(root, Path(scratch) / "build") for _run in range(asked.repeat))
            more = ""
            if first and count > first[0]:
                per_recipe, per_recipe_cpu = (
                    (now - then) / (count - first[0]) * 1000 for now, then in ((took, first[1]), (cpu, first[2]))
                )
                more = f"{per_recipe:>14.0f} {per_recipe_cpu:>9.0f}"
            print(f"{count:>8} {took:>9.1f} {cpu:>9.1f} {more}", flush=True)
            first = first or (count, took, cpu)
            shutil.rmtree(root.parent)


if __name__ == "__main__":
    main()
