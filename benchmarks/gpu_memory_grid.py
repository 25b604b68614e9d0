"""How much GPU memory real training runs take: what predictions of memory are scored against.

Runs the grid of `memory_grid/grid.py` on the NVIDIA GPU of this machine, each configuration in a process of its own,
through the network, data and `Trainer` loop of `recipe_kb.training`, with random weights and a few optimizer steps.
Needs a GPU with its driver and the packages of `recipe-kb[probe]`; bitsandbytes for a few configurations, which are
`unsupported` without it.

    python benchmarks/gpu_memory_grid.py                              all of it, to build/gpu_memory_grid.json
    python benchmarks/gpu_memory_grid.py --list                       what would be run; needs no GPU
    python benchmarks/gpu_memory_grid.py --only 'bert-*' --out a.json
    python benchmarks/gpu_memory_grid.py --cpu --only '*joint*'       does the plumbing work? proves no figure

After each configuration the file is written anew, and what it holds is not run again: call it once more to go on
after `--limit-seconds` or Ctrl-C. `--retry` runs again what ended in `error`, `crash` or `timeout`.
A file holds one machine, one set of packages and one version of the code. One that is complete stays: anything else
needs another `--out`. One that is not is set aside as FILE.old-1.

The file is `{schema, device, date, code_version, machine, results}`, each result

    id, held_out, configuration    `memory_grid.configuration.Configuration.from_json` reads the last
    verdict                        measured, oom, unsupported, error, crash, timeout
    error                          of every other verdict than measured: why
    steps                          time_s, loss, grad_norm, skipped of each optimizer step
    memory                         before_context, after_context, after_network, after_training, after_evaluation,
                                   at_end: what was in use then, as device_used_bytes and process_used_bytes (NVML),
                                   cuda_used_bytes (cudaMemGetInfo), allocated_bytes and reserved_bytes (torch);
                                   training, evaluation: peak_allocated_bytes, peak_reserved_bytes,
                                   peak_requested_bytes and peak_small_pool_reserved_bytes of that phase alone
    not_measured                   why a figure of NVML is null
    context                        bytes that this process held outside torch's allocator, after its first CUDA call
                                   and at its end
    num_alloc_retries, num_ooms    of the whole process, as num_device_alloc and num_device_free
    network                        num_parameters, num_trained, attn_implementation as they were built
    ran                            only with --cpu: what the configuration was shrunk to

All sizes are bytes. `oom` and `error` keep what was read before, `crash` and `timeout` nothing. `held_out` marks the
half on which a predictor is only ever scored; it follows from the configuration alone.
Step times are told for completeness: the next children build their networks at the same time.

Exit codes: 0 everything is answered, 1 something is left or failed, 2 wrong arguments or file, 3 no GPU here.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from memory_grid.children import Nursery, Record, nursery, run_each
from memory_grid.configuration import Configuration
from memory_grid.grid import configurations
from memory_grid.results import ANSWERS, SCHEMA, MismatchError, kept, read, record_of, write

from recipe_kb.errors import Exit
from recipe_kb.store.location import default_root
from recipe_kb.units import GIB

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "gpu_memory_grid.json"

LIMIT_S = 520.0
"""After this nothing is started: with the last run the whole stays below nine minutes."""

CHILD_LIMIT_S = 60.0
"""For the largest network of the grid to be built, and again for it to be trained."""

AHEAD = 2
"""Children that build their networks while one has the GPU, which would wait for them otherwise."""

HOPELESS = 3
"""So many failures before any answer: the next ones would fail too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; return the exit code."""
    start = time.monotonic()
    options = _parser().parse_args(arguments)
    chosen = [each for each in configurations() if any(fnmatchcase(each.id, glob) for glob in options.only or ["*"])]
    if not chosen:
        print(f"no configuration is called {' or '.join(options.only)}. -> --list", file=sys.stderr)
        return Exit.BAD_INPUT
    if options.list:
        for configuration in chosen:
            print(f"{'held out' if configuration.held_out else '':8}  {configuration.id}")
        return Exit.DONE
    children = nursery(options.start)
    device = "cpu" if options.cpu else "cuda"
    header, problem = _header(children, device, options.code_version)
    if problem:
        print(problem, file=sys.stderr)
        return Exit.CANNOT_HERE
    try:
        found, aside = read(options.out, header, configurations())
        results = kept(found, configurations(), retry=options.retry)
    except MismatchError as error:
        print(f"{error}. -> name another file with --out", file=sys.stderr)
        return Exit.BAD_INPUT
    if aside:
        print(aside)
    missing = [configuration for configuration in chosen if configuration.id not in results]
    print(f"{header['machine']['gpu'] or device}: {len(missing)} to run of {len(chosen)}, results in {options.out}")
    num_left = _run(children, missing, results, header, options, deadline=start + options.limit_seconds)
    return _close(chosen, results, num_left)


def _run(
    children: Nursery,
    missing: Sequence[Configuration],
    results: dict[str, Record],
    header: Record,
    options: argparse.Namespace,
    *,
    deadline: float,
) -> int:
    """Measure, and write the file after each one; return how many were not begun."""
    tasks = [
        {"device": header["device"], "kb": str(default_root().resolve()), "configuration": configuration.to_json()}
        for configuration in missing
    ]
    work = "memory_grid.work:measure"
    num_failed = 0
    with closing(run_each(children, work, tasks, ahead=options.ahead, limit_s=options.child_seconds)) as outcomes:
        for number, configuration in enumerate(missing):
            if time.monotonic() >= deadline:
                print(f"{options.limit_seconds:g} s are over")
                return len(missing) - number
            if num_failed == number == HOPELESS:
                print(f"the first {HOPELESS} all failed; what stopped them would stop the others")
                return len(missing) - number
            record = record_of(configuration, next(outcomes))
            num_failed += record["verdict"] not in ANSWERS
            results[configuration.id] = record
            in_order = [results[each.id] for each in configurations() if each.id in results]
            write(options.out, header, in_order)
            print(_line(record, number + 1, len(missing)), flush=True)
    return 0


def _line(record: Record, number: int, total: int) -> str:
    memory = record.get("memory", {})
    peaks = [memory[phase]["peak_reserved_bytes"] for phase in ("training", "evaluation") if phase in memory]
    peak = f"{max(peaks) / GIB:6.2f} GiB" if peaks else ""
    line = f"{number:>3}/{total} {record['verdict']:<11} {record.get('run_s', 0):5.1f} s {peak:>10}  {record['id']}"
    error = record.get("error", "").strip().rpartition("\n")[2]
    return f"{line}\n    {error}" if error else line


def _close(chosen: Sequence[Configuration], results: dict[str, Record], num_left: int) -> int:
    """Say what came out; return the exit code."""
    verdicts = [results[configuration.id]["verdict"] for configuration in chosen if configuration.id in results]
    print(", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in sorted(set(verdicts))))
    if num_left:
        print(f"{num_left} left. -> the same command goes on")
    failed = any(verdict not in ANSWERS for verdict in verdicts)
    return Exit.FINDING if num_left or failed else Exit.DONE


def _header(children: Nursery, device: str, code_version: str | None) -> tuple[Record, str | None]:
    """Describe what is measured on; the second value says why nothing can be."""
    try:
        described = next(run_each(children, "memory_grid.machine:describe", [{"device": device}], ahead=0, limit_s=120))
    except (EOFError, ConnectionError):  # it has said itself why
        return {}, "The fork server did not start. -> try --start spawn"
    if described["verdict"] != "described":
        return (
            {},
            f"{described['error']}\nNeeds torch, transformers, accelerate, peft. -> pip install 'recipe-kb[probe]'",
        )
    machine = described["machine"]
    if device == "cuda" and machine["gpu"] is None:
        return {}, "Needs an NVIDIA GPU, its driver and a CUDA build of torch. -> --list and --cpu do without"
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {"schema": SCHEMA, "device": device, "date": date, "code_version": code_version, "machine": machine}, None


def _code_version() -> str | None:
    """Name the commit; None where there is no git."""
    try:
        command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the configurations and stop")
    parser.add_argument("--only", metavar="GLOB", action="append", help="those whose id matches; may be repeated")
    parser.add_argument("--out", metavar="FILE", type=Path, default=OUT, help="where results are and go")
    parser.add_argument("--retry", action="store_true", help="run again what failed without an answer")
    parser.add_argument("--limit-seconds", metavar="S", type=float, default=LIMIT_S, help="start nothing after this")
    parser.add_argument("--child-seconds", metavar="S", type=float, default=CHILD_LIMIT_S, help="limit of one run")
    parser.add_argument("--ahead", metavar="N", type=int, default=AHEAD, help="how many build their networks meanwhile")
    parser.add_argument("--start", choices=["forkserver", "spawn"], default="forkserver", help="how processes start")
    parser.add_argument("--code-version", metavar="TEXT", default=_code_version(), help="where git cannot tell")
    parser.add_argument("--cpu", action="store_true", help="tiny networks on the CPU; measures no memory")
    return parser


if __name__ == "__main__":
    sys.exit(main())
