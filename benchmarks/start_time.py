"""How long `kb recipe` takes as a whole process, as a ratio to importing its libraries in the same run.

The two commands run in turn, so that a machine whose speed drifts slows both.
Goal: at most 1.6, with 10 000 recipes as with 100.

    python benchmarks/start_time.py
    python benchmarks/start_time.py --figures     also write what the pages quote, to docs/data/figures
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from shutil import copytree

from figures import write_figures

ROOT = Path(__file__).resolve().parent.parent
RUNS = 15
GOAL = 1.6
IMPORTS = [sys.executable, "-c", "import pydantic, yaml, click"]
COUNTS = {"few": 100, "many": 10_000}
"""Name in the figures -> recipes."""
QUESTIONS = {
    "exact": ["recipe", "--gpu", "t4", "--model", "biobert", "--tasks", "8"],
    "range": ["recipe", "--gpu", "t4", "--model", "biobert", "--tasks", "3"],
    "derived, other spellings": ["recipe", "--gpu", "rtx3070", "--model", "phobert", "--tasks", "5"],
    "exact, Vietnamese": ["recipe", "--gpu", "t4", "--model", "biobert", "--tasks", "8", "--lang", "vi"],
}


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Time one process from start to end."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - start


def synthetic(root: Path, count: int) -> None:
    """Copy the knowledge base and add recipes in the folder that is asked and in others."""
    copytree(ROOT / "kb", root)
    source = (root / "recipes" / "t4" / "biobert" / "8t-512-full.yaml").read_text(encoding="utf-8")
    for number in range(count):
        model = "biobert" if number % 2 else f"synthetic-{number % 100}"
        folder = root / "recipes" / "t4" / model
        folder.mkdir(exist_ok=True)
        (folder / f"1t-{1000 + number}-full.yaml").write_text(source, encoding="utf-8")


def main() -> None:
    """Print median, minimum and maximum of the paired ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", action="store_true", help="write what the pages quote")
    options = parser.parse_args()
    kb = str(Path(sys.executable).parent / "kb")
    figures: dict[str, object] = {"num_runs": RUNS, "goal": GOAL}
    print(f"{'recipes':>8} {'kb recipe':>12} {'imports':>10} {'ratio median (min-max)':>26}   goal <= {GOAL}")
    with tempfile.TemporaryDirectory() as scratch:
        for title, count in COUNTS.items():
            root = Path(scratch) / str(count)
            synthetic(root, count)
            environment = os.environ | {"KB_ROOT": str(root), "KB_LANG": "en"}
            medians = []
            for name, question in QUESTIONS.items():
                command = [kb, *question]
                seconds(command, environment)
                pairs = [(seconds(command, environment), seconds(IMPORTS, environment)) for _ in range(RUNS)]
                ratios = [ours / theirs for ours, theirs in pairs]
                ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
                medians.append(statistics.median(ratios))
                spread = f"{medians[-1]:.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
                print(f"{count:>8} {ours * 1000:>9.0f} ms {theirs * 1000:>7.0f} ms {spread:>26}   {name}", flush=True)
            figures[title] = {"num_recipes": count, "median_ratio": medians[0], "largest_median_ratio": max(medians)}
    if options.figures:
        print(write_figures(Path(__file__).name, figures), file=sys.stderr)


if __name__ == "__main__":
    main()
