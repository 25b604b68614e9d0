"""The one file that comes out, and the table that is printed of it."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from set_aside import set_aside

SCHEMA: Final = "time-to-best-batch/1"

GOALS = {"seconds": 30.0, "num_probes": 3, "num_out_of_memory": 0, "share": 0.97}
"""What `kb tune` should keep to: at most, but for the share, which is at least."""

ANSWERS = frozenset({"passed", "no_progress", "alloc_retries", "oom"})
"""Verdicts about a batch; the others may be about one attempt."""

Record = dict[str, Any]


class MismatchError(Exception):
    """The file answers another question; the text says which."""


def read(path: Path, header: Mapping[str, Any]) -> tuple[Record, str | None]:
    """Return what an earlier run has found under the same header, or an empty document.

    Returns:
        The document; `complete` says whether all of it is answered. And what is to be said of a file that was made
        under another header and was not complete: it is out of the way now.

    Raises:
        MismatchError: The file was made under another header and is complete, or is none of this benchmark.
    """
    empty: Record = {**header, "complete": False, "contestants": {}, "batches": {}}
    if not path.exists():
        return empty, None
    try:
        document: Record = json.loads(path.read_text(encoding="utf-8"))
        differing = [name for name, value in header.items() if name != "date" and document[name] != value]
        document["complete"], document["contestants"].keys(), document["batches"].keys()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MismatchError(f"{path} is no file of this benchmark") from error
    if not differing:
        return document, None
    what = f"{path} was made with another {', '.join(differing)}"
    if document["complete"]:
        raise MismatchError(what)
    return empty, f"{what} and is not complete; it is {set_aside(path).name} now"


def write(path: Path, document: Record) -> None:
    """Write the whole file at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    beside.replace(path)


def best_rate(document: Record) -> float | None:
    """Return the highest throughput of the batches of the sweep that are safe; None before there is one."""
    rates = [rate for batch in document["batches"].values() if batch["in_sweep"] and (rate := safe_rate(batch))]
    return max(rates, default=None)


def safe_rate(batch: Mapping[str, Any]) -> float | None:
    """Return the measured throughput of a batch; None if memory ran out or the allocator had to retry."""
    if batch["verdict"] not in {"passed", "no_progress"} or batch["num_alloc_retries"]:
        return None
    rate: float | None = batch["samples_per_s"]
    return rate


def share_of(document: Record, name: str) -> float | None:
    """Return the share of the sweep's best that a contestant's batch reaches: 0 if it is not safe, None if unknown."""
    best, found = best_rate(document), document["contestants"][name].get("batch")
    batch = document["batches"].get(str(found))
    if best is None or batch is None:
        return None
    return (safe_rate(batch) or 0.0) / best


def table(document: Record, names: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"{'':20} {'seconds':>8} {'probes':>7} {'out of memory':>14} {'batch':>6} {'of the best':>12}"
    for name in names:
        record = document["contestants"].get(name)
        if record is None:
            yield f"{name:20} {'not run':>8}"
        elif record["verdict"] != "found":
            last = record.get("error", "").strip().rpartition("\n")[2]
            yield f"{name:20} {record['verdict']:>8}  {last}"
        else:
            share = share_of(document, name)
            shown = "-" if share is None else "not safe" if share == 0 else f"{100 * share:.1f} %"
            yield (
                f"{name:20} {record['seconds']:>8.1f} {record['num_probes']:>7} {record['num_out_of_memory']:>14} "
                f"{record['batch']:>6} {shown:>12}"
            )
    best = best_rate(document)
    if best is not None:
        swept = [batch for batch in document["batches"].values() if batch["in_sweep"]]
        seconds = sum(batch["seconds"] for batch in swept)
        runs_out = sum(batch["verdict"] == "oom" for batch in swept)
        largest = max(int(rows) for rows, batch in document["batches"].items() if safe_rate(batch) == best)
        yield f"{'sweep':20} {seconds:>8.1f} {len(swept):>7} {runs_out:>14} {largest:>6} {'100.0 %':>12}"


def missed_goals(document: Record, name: str) -> list[str]:
    """Return which goals a contestant has missed, in words."""
    figures = document["contestants"][name] | {"share": share_of(document, name)}
    missed = []
    for goal, bound in GOALS.items():
        figure = figures.get(goal)
        if figure is None or (figure < bound if goal == "share" else figure > bound):
            missed.append(f"{goal} {figure if figure is None else round(figure, 3)} (goal {bound:g})")
    return missed
