"""How long it takes to find the best batch: `kb tune` beside the finders of Lightning and accelerate, and a sweep.

All have the same GPU, network, rows and precision, and each a process of its own:

    kb tune               `kb tune --scale-lr` as a command, from its start to its exit
    lightning power       `Tuner.scale_batch_size` of Lightning 2.6 or later, as it is by default
    lightning binsearch   the same with `mode="binsearch"`
    accelerate            `find_executable_batch_size`, from --accelerate-start rows downwards, 3 steps each
    sweep                 batches from 1, 2, 4, 8 ... until memory runs out, by recipe_kb's own probe; from a number
                          of rows on it goes up by that number, chosen so that some twenty batches reach the limit

The time of Lightning and accelerate counts from the building of the network, that of `kb tune` includes the start of
Python and all imports. Printed are the time, the batches tried, how often memory ran out, and the throughput of the
batch found, measured by recipe_kb's own probe, as a share of the best batch of the sweep. A batch at which memory runs
out or the allocator has to retry counts as not safe.
Goal of `kb tune`: at most 30 s, 3 probes, no out-of-memory, 97 % of the best.

    python benchmarks/time_to_best_batch.py                           needs an NVIDIA GPU; `pip install lightning`
    python benchmarks/time_to_best_batch.py --model phobert --max-length 256 --every 8
    python benchmarks/time_to_best_batch.py --cpu                     a simulation: does the plumbing work?

With `--cpu` a tiny network is trained and more than --limit-rows rows raise an out-of-memory: it proves no figure, and
nothing is judged by the goal.

Results are in build/time_to_best_batch.json after each step, and what is there is not run again: call it once more
after `--limit-seconds` or Ctrl-C. `--retry` runs again what failed. A file that is complete stays: another question
needs another `--out`. One that is not, of another question or version of the code, is set aside as FILE.old-1.

Exit codes: 0 all is answered and the goal is kept, 1 something is left or failed or the goal is missed, 2 wrong
arguments or file, 3 no GPU here.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from best_batch.results import ANSWERS, SCHEMA, MismatchError, Record, missed_goals, read, table, write
from best_batch.sweep import every_for, swept
from memory_grid.children import Nursery, nursery, run_each

from recipe_kb.cli.machine import gpu_of_this_machine
from recipe_kb.errors import Exit, KbError
from recipe_kb.probe.asked import request_for
from recipe_kb.probe.run import probe
from recipe_kb.resolve.answer import ask
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store
from recipe_kb.tune.candidates import Shape
from recipe_kb.tune.measure import measurement_of
from recipe_kb.tune.start import Start

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "time_to_best_batch.json"
LIMIT_S = 520.0
CHILD_LIMIT_S = 400.0
TUNE = "kb tune"
OTHERS: dict[str, Record] = {
    "lightning power": {"mode": "power"},
    "lightning binsearch": {"mode": "binsearch"},
    "accelerate": {},
}
"""Contestants in children -> their options."""
CPU_GPU = "t4"
"""The card whose recipe a simulation starts from; nothing of it is played."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one call of the command works with."""

    options: argparse.Namespace
    start: Start
    children: Nursery
    document: Record
    deadline: float

    @property
    def over(self) -> bool:
        """Whether nothing may be started any more."""
        return time.monotonic() >= self.deadline

    def question(self) -> Record:
        """Return what children are asked."""
        answer, options = self.start.answer, self.options
        return {
            "kb": str(self.start.store.root),
            "model": answer.key.model,
            "max_length": answer.key.max_length,
            "settings": answer.recipe.settings.given(),
            "limit_rows": options.limit_rows if options.cpu else None,
        }

    def child(self, work: str, **task: Any) -> Record:
        """Do something in a child process and return what it reports."""
        tasks = [{"question": self.question(), **task}]
        return next(run_each(self.children, work, tasks, ahead=0, limit_s=self.options.child_seconds))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing; return the exit code."""
    begun = time.monotonic()
    options = _parser().parse_args(arguments)
    store = Store(default_root().resolve())
    try:
        gpu = CPU_GPU if options.cpu else gpu_of_this_machine(store)
        answer = ask(store, gpu=gpu, model=options.model, tasks=1, max_length=options.max_length, goal="speed")
        start = Start(store=store, answer=answer, effective=answer.recipe.effective_batch_size, grows=True)
        options.every = options.every or _every(start, options)
        document, aside = read(options.out, _header(options, answer.recipe_id))
    except KbError as error:
        print(*error.problems, "-> --cpu does without a GPU", sep="\n", file=sys.stderr)
        return error.exit_code
    except MismatchError as error:
        print(f"{error}. -> name another file with --out", file=sys.stderr)
        return Exit.BAD_INPUT
    if aside:
        print(aside)
    run = Run(
        options=options,
        start=start,
        children=nursery(options.start),
        document=document,
        deadline=begun + options.limit_seconds,
    )
    print(f"{answer.recipe_id}, results in {options.out}")
    if options.cpu:
        print(
            f"A simulation: a tiny network on a CPU, out of memory above {options.limit_rows} rows. No figure counts."
        )
    complete = _contest(run) and _sweep(run) and _measure_found(run)
    if complete and not document["complete"]:
        document["complete"] = True
        write(options.out, document)
    return _close(run, complete=complete)


def _contest(run: Run) -> bool:
    """Let every contestant find its batch; say whether all had their turn."""
    for name, given in ((TUNE, {}), *OTHERS.items()):
        known = run.document["contestants"].get(name)
        if known is not None and not (run.options.retry and known["verdict"] != "found"):
            continue
        if run.over:
            return False
        print(f"{name} ...", flush=True)
        if name == TUNE:
            record = run.child("best_batch.simulated:tune") if run.options.cpu else _kb_tune(run)
        else:
            rows = run.options.accelerate_start
            record = run.child("best_batch.finders:find", contestant=name, start_rows=rows, **given)
        run.document["contestants"][name] = record
        write(run.options.out, run.document)
    return True


def _kb_tune(run: Run) -> Record:
    """Run the command and take its time."""
    key = run.start.answer.key
    words = ["--model", key.model, "--max-length", str(key.max_length), "--gpu", key.gpu, "--scale-lr", "--json"]
    command = [sys.executable, "-c", "from recipe_kb.cli.entry import main; main()", "tune", *words]
    began = time.perf_counter()
    limit_s = run.options.child_seconds
    environ = os.environ | {"KB_ROOT": str(run.start.store.root)}
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=limit_s, env=environ
        )
    except subprocess.TimeoutExpired:
        return {"verdict": "timeout", "error": f"no answer within {limit_s:g} s"}
    seconds = time.perf_counter() - began
    try:
        answer = json.loads(ended.stdout)
    except ValueError:
        return {"verdict": "failed", "error": ended.stderr[-2000:], "seconds": seconds}
    found = answer["recommended"]
    tried = [row["per_device_train_batch_size"] for row in answer["batches"] if row["measured"]]
    return {
        "verdict": "found" if found and answer["measured"] else "failed",
        "error": ended.stderr[-2000:],
        "batch": found["per_device_train_batch_size"] if found else None,
        "seconds": seconds,
        "tried": tried,
        "num_probes": answer["num_probes"],
        "num_out_of_memory": answer["num_out_of_memory"],
    }


def _sweep(run: Run) -> bool:
    """Measure every batch until memory runs out; say whether the end was reached."""
    for batch in swept(run.options.every):
        record = _measured(run, batch, in_sweep=True)
        if record is None:
            return False
        if record["verdict"] == "oom":
            return True
    return True


def _measure_found(run: Run) -> bool:
    """Measure what was found and is not in the sweep; say whether all is measured."""
    found = [record.get("batch") for record in run.document["contestants"].values()]
    return all(_measured(run, batch, in_sweep=False) is not None for batch in found if batch)


def _measured(run: Run, batch: int, *, in_sweep: bool) -> Record | None:
    """Return what is known of a batch, measured now if it was not before; None if time is over."""
    known = run.document["batches"].get(str(batch))
    if known is not None and not (run.options.retry and known["verdict"] not in ANSWERS):
        found: Record = known
        return found
    if run.over:
        return None
    began = time.perf_counter()
    record = run.child("best_batch.simulated:measure_rows", batch=batch) if run.options.cpu else _probe(run, batch)
    seconds = time.perf_counter() - began
    record = {"samples_per_s": None, "num_alloc_retries": None} | record | {"in_sweep": in_sweep, "seconds": seconds}
    run.document["batches"][str(batch)] = record
    write(run.options.out, run.document)
    rate = "" if record["samples_per_s"] is None else f"{record['samples_per_s']:9.1f} samples per second"
    print(f"  {batch:>5} {record['verdict']:<13} {rate}", flush=True)
    return record


def _probe(run: Run, batch: int) -> Record:
    """Measure a batch as `kb tune` does."""
    start, effective = run.start, run.start.effective
    tried = start.tried(Shape(batch=batch, accumulation=-(-effective // batch)))
    assert start.answer.gpu is not None
    here = (start.answer.key.gpu, start.answer.gpu)
    found = measurement_of(probe(request_for(tried, device="cuda", here=here, timeout_s=run.options.child_seconds)))
    return {
        "verdict": found.verdict,
        "samples_per_s": found.samples_per_s,
        "num_alloc_retries": found.retries,
        "peak_reserved_bytes": found.peak_reserved_bytes,
    }


def _close(run: Run, *, complete: bool) -> int:
    """Print the table and return the exit code."""
    document, simulated = run.document, run.options.cpu
    names = (TUNE, *OTHERS)
    print()
    for line in table(document, names):
        print(line)
    if not complete:
        print("something is left. -> the same command goes on")
        return Exit.FINDING
    if simulated:
        print("a simulation: no figure counts, and none is held against the goal")
        return Exit.DONE if all(document["contestants"][name]["verdict"] == "found" for name in names) else Exit.FINDING
    missed = missed_goals(document, TUNE)
    print(f"{TUNE} misses the goal: {', '.join(missed)}" if missed else f"{TUNE} keeps the goal")
    failed = [name for name in names if document["contestants"][name]["verdict"] != "found"]
    return Exit.FINDING if missed or failed else Exit.DONE


def _every(start: Start, options: argparse.Namespace) -> int:
    """Choose the step of the sweep, from what is predicted to fit or, in a simulation, from its limit."""
    if options.cpu:
        return every_for(options.limit_rows)
    return every_for(start.predicted.batch if start.predicted else 1)


def _header(options: argparse.Namespace, recipe_id: str) -> Record:
    return {
        "schema": SCHEMA,
        "simulation": options.cpu,
        "recipe": recipe_id,
        "limit_rows": options.limit_rows if options.cpu else None,
        "every": options.every,
        "accelerate_start": options.accelerate_start,
        "code_version": options.code_version,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


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
    parser.add_argument("--model", default="biobert", help="network, in any spelling")
    parser.add_argument("--max-length", metavar="N", type=int, default=512, help="tokens per row")
    parser.add_argument("--every", metavar="N", type=_multiple_of_8, help="rows from batch to batch of the sweep")
    parser.add_argument("--accelerate-start", metavar="N", type=_positive, default=1024, help="rows it starts from")
    parser.add_argument("--out", metavar="FILE", type=Path, default=OUT, help="where results are and go")
    parser.add_argument("--retry", action="store_true", help="run again what failed")
    parser.add_argument("--limit-seconds", metavar="S", type=float, default=LIMIT_S, help="start nothing after this")
    parser.add_argument("--child-seconds", metavar="S", type=float, default=CHILD_LIMIT_S, help="limit of one step")
    parser.add_argument("--start", choices=["forkserver", "spawn"], default="forkserver", help="how processes start")
    parser.add_argument("--code-version", metavar="TEXT", default=_code_version(), help="where git cannot tell")
    parser.add_argument("--cpu", action="store_true", help="a simulation with a tiny network on the CPU")
    parser.add_argument("--limit-rows", metavar="N", type=_positive, default=20, help="of the simulation")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def _multiple_of_8(text: str) -> int:
    if _positive(text) % 8:
        raise argparse.ArgumentTypeError(f"{text!r} is no multiple of 8")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
