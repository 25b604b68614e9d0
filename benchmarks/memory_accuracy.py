"""How far predictions of peak memory are from measured runs, and from what people use today on the same runs.

    python benchmarks/memory_accuracy.py                          the public table, and our own grid if it was measured
    python benchmarks/memory_accuracy.py --rows FILE.csv          any file with the columns of the public table
    python benchmarks/memory_accuracy.py --only 'X*' --limit 5 --each
    python benchmarks/memory_accuracy.py --json > accuracy.json   every run with every estimate
    python benchmarks/memory_accuracy.py --figures                also write what the pages quote, to docs/data/figures

Each run is predicted with the transformers version that it had, installed once into `~/.cache/recipe-kb`
(`$XDG_CACHE_HOME`); one process per version. Versions older than 4.51.3 are predicted with 4.51.3, and it says so.
`--also-version current` predicts the same runs with the installed version too and tells what that costs.

A run is in-sample if its id is in the public table, `benchmarks/data/measured_memory.csv`, else held-out; runs of our
grid carry their own mark. Estimators, in MiB of what the run's counter counted:

    recipe-kb         ours
    xMem ... Horus    published together with the measurement
    accelerate        the largest number of `accelerate estimate-memory`: weights, gradients, Adam
    weights x4 x1.3   a rule of thumb
    MemTracker        torch.distributed._tools.mem_tracker on fake tensors: slow, `--without-mem-tracker` leaves it out

Exit codes: 0 done, 2 malformed file or arguments, 3 nothing could be predicted.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib import metadata
from pathlib import Path

from accuracy import versions
from accuracy.as_json import json_report
from accuracy.case import OURS, Case, cases_of_table, record_answer
from accuracy.figures import quoted_figures
from accuracy.grid import grid_files, grid_rows
from accuracy.report import text_report
from accuracy.spec import RowSpec
from accuracy.table import TableError, read_table
from accuracy.version_cost import VersionCost, cost, estimator_of
from accuracy.workers import answers
from figures import write_figures

from recipe_kb.errors import Exit

ROOT = Path(__file__).resolve().parent.parent
PUBLIC_TABLE = ROOT / "benchmarks" / "data" / "measured_memory.csv"
EVIDENCE = ROOT / "kb" / "evidence"
CURRENT = "current"


def main(arguments: Sequence[str] | None = None) -> int:
    """Score what is asked for; return the exit code."""
    options = _parser().parse_args(arguments)
    if options.figures and (options.rows or options.limit or options.only != "*"):
        print("--figures quotes all public rows; leave --rows, --only and --limit out", file=sys.stderr)
        return Exit.BAD_INPUT
    try:
        cases = _cases(PUBLIC_TABLE if options.figures else options.rows)
    except TableError as error:
        print(error, file=sys.stderr)
        return Exit.BAD_INPUT
    cases = [case for case in cases if fnmatchcase(case.id, options.only)][: options.limit]
    if not cases:
        print(f"no row has an id like {options.only}", file=sys.stderr)
        return Exit.BAD_INPUT
    _predict(cases, OURS, also=("rules",) if options.without_mem_tracker else ("rules", "mem_tracker"))
    version_cost = _also_version(cases, options.also_version) if options.also_version else None
    if options.json:
        print(json.dumps(json_report(cases, version_cost), indent=1, allow_nan=False))
    else:
        print(text_report(cases, version_cost, each=options.each))
    if options.figures:
        installed = {"torch": metadata.version("torch"), "transformers": versions.installed()}
        print(write_figures(Path(__file__).name, {"versions": installed, **quoted_figures(cases)}), file=sys.stderr)
    return Exit.DONE if any(OURS in case.estimates for case in cases) else Exit.CANNOT_HERE


def _cases(rows: Path | None) -> list[Case]:
    """Read the rows that are asked about."""
    current = versions.installed()
    public = read_table(PUBLIC_TABLE)
    public_ids = frozenset(row.id for row in public)
    if rows is not None:
        return list(cases_of_table(read_table(rows), public_ids, current))
    own = (case for path in grid_files(EVIDENCE) for case in grid_rows(path))
    return [*cases_of_table(public, public_ids, current), *own]


def _predict(cases: Iterable[Case], estimator: str, *, version: str | None = None, also: tuple[str, ...] = ()) -> None:
    """Ask for all cases and enter the answers; `version` predicts them with another transformers version."""
    asked = {case.id: case for case in cases if case.spec}
    specs = [_with_version(case.spec, version) for case in asked.values() if case.spec]
    for number, given in enumerate(answers(specs, also), start=1):
        record_answer(asked[given["id"]], given, estimator)
        if sys.stderr.isatty():
            print(f"\r{estimator}: {number} of {len(specs)} ", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)


def _with_version(spec: RowSpec, version: str | None) -> RowSpec:
    return replace(spec, transformers=version) if version else spec


def _also_version(cases: Sequence[Case], asked: str) -> VersionCost | None:
    """Predict what has a prediction again, with another version."""
    version = versions.installed() if asked == CURRENT else asked
    _predict([case for case in cases if OURS in case.estimates], estimator_of(version), version=version)
    return cost(cases, version)


def _version(text: str) -> str:
    """Accept `current` or a version that can be installed."""
    if text != CURRENT and versions.choose(text, versions.installed()) != (text, None):
        raise argparse.ArgumentTypeError(f"{text!r} is neither {CURRENT!r} nor a version from 4.51.3 to 5.x")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", metavar="FILE.csv", type=Path, help="measured runs, instead of the public table")
    parser.add_argument("--only", metavar="GLOB", default="*", help="rows whose id matches")
    parser.add_argument("--limit", metavar="N", type=_positive, help="the first N of them")
    parser.add_argument("--each", action="store_true", help="a line per run, too")
    parser.add_argument("--json", action="store_true", help="everything, as one JSON object")
    parser.add_argument("--figures", action="store_true", help="write what the pages quote, from all public rows")
    parser.add_argument("--also-version", metavar="VERSION", type=_version, help=f"of transformers, or {CURRENT}")
    parser.add_argument("--without-mem-tracker", action="store_true", help="leave the slow comparison out")
    return parser


if __name__ == "__main__":
    sys.exit(main())
