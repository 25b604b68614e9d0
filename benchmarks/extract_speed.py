"""How long 1 000 files take to read, as ratios: to a tenth of them, and to PyYAML's parser on the YAML among them.

Seconds are of one processor, the best of three runs, so that what else runs on the machine counts little.
Goal: 1 000 files in at most 10 s, and at most 1.3 times as long per file as 100 of them.
"""

import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import yaml

from recipe_kb.extract.read import configurations_in
from recipe_kb.store.store import Store

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "tests" / "data" / "configurations"
COUNTS = (100, 1_000)
RUNS = 3
GOAL_S, GOAL_GROWTH = 10.0, 1.3


def copies(folder: Path, count: int) -> list[Path]:
    """Copy files of the corpus until there are enough."""
    sources = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
    random.Random(0).shuffle(sources)  # noqa: S311 - so that a tenth of them is of the same kinds
    made = []
    for number in range(count):
        source = sources[number % len(sources)]
        made.append(folder / f"{number}-{source.name}")
        shutil.copyfile(source, made[-1])
    return made


def seconds(paths: list[Path], store: Store) -> tuple[float, int]:
    """Read all files; return the time and how many configurations there were."""
    start = time.process_time()
    found = sum(len(configurations_in(path, path.name, store).configurations) for path in paths)
    return time.process_time() - start, found


def yaml_seconds(paths: list[Path]) -> float:
    """Load the YAML among them with the fastest loader there is."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    start = time.process_time()
    for path in paths:
        list(yaml.parse(path.read_text(encoding="utf-8"), Loader=loader))
    return time.process_time() - start


def main() -> int:
    """Print the times and say whether the goals are met."""
    per_file = {}
    seconds(sorted(CORPUS.glob("markdown/*.md")), Store(ROOT / "kb"))  # imports what the kinds need
    with tempfile.TemporaryDirectory() as scratch:
        for count in COUNTS:
            folder = Path(scratch) / str(count)
            folder.mkdir()
            paths = copies(folder, count)
            fresh = Store(ROOT / "kb")
            first, _found = seconds(paths[:1], fresh)
            taken, found = min(seconds(paths, fresh) for _run in range(RUNS))
            per_file[count] = taken / count
            of_yaml = [path for path in paths if path.suffix in {".yaml", ".yml"}]
            ours, _found = seconds(of_yaml, fresh)
            ratio = ours / yaml_seconds(of_yaml)
            print(
                f"{count:>5} files: {taken:.2f} s, {1000 * taken / count:.2f} ms a file, {found} configurations; "
                f"the first alone {first:.2f} s; YAML files {ratio:.1f} times PyYAML's parser"
            )
    growth = per_file[COUNTS[1]] / per_file[COUNTS[0]]
    total = per_file[COUNTS[1]] * COUNTS[1]
    print(f"time per file, 1 000 files to 100: {growth:.2f} (goal <= {GOAL_GROWTH})")
    print(f"1 000 files: {total:.1f} s (goal <= {GOAL_S})")
    return int(growth > GOAL_GROWTH or total > GOAL_S)


if __name__ == "__main__":
    sys.exit(main())
