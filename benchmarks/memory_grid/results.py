"""The one file that comes out: what was measured on, and one record per configuration."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from set_aside import set_aside

from memory_grid.configuration import Configuration

SCHEMA: Final = "gpu-memory-grid/1"

Record = dict[str, Any]

ANSWERS = frozenset({"measured", "oom", "unsupported"})
"""Verdicts about the configuration; `error`, `crash` and `timeout` may be about this one attempt."""

_SAME = ("schema", "device", "machine", "code_version")
"""What must not differ within a file."""


class MismatchError(Exception):
    """The file holds results that cannot stand beside new ones; the text says why."""


def read(path: Path, header: Mapping[str, Any], grid: Iterable[Configuration]) -> tuple[list[Record], str | None]:
    """Read the results of an earlier run.

    Args:
        path: The file; it need not exist.
        header: What the new results will stand under.
        grid: All configurations: a file that holds them is complete.

    Returns:
        The results. And what is to be said of a file of another machine, package or code version that was not
        complete: it is out of the way now.

    Raises:
        MismatchError: It is no file of this benchmark, or a complete one of another machine, package or code version.
    """
    if not path.exists():
        return [], None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        differing = [line for name in _SAME for line in _differences(name, document[name], header[name])]
        results: list[Record] = document["results"]
        known = {result["id"] for result in results}
    except (ValueError, KeyError, TypeError) as error:
        raise MismatchError(f"{path} is no file of this benchmark") from error
    if not differing:
        return results, None
    what = f"{path} was measured under something else ({'; '.join(differing)})"
    if known >= {configuration.id for configuration in grid}:
        raise MismatchError(what)
    return [], f"{what} and is not complete; it is {set_aside(path).name} now"


def _differences(name: str, before: Any, now: Any) -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted(before.keys() | now.keys())
        return [line for inner in names for line in _differences(inner, before.get(inner), now.get(inner))]
    return [] if before == now else [f"{name} was {before}, is {now}"]


def kept(results: Iterable[Record], grid: Iterable[Configuration], *, retry: bool) -> dict[str, Record]:
    """Return by id the results that need not be measured again.

    Args:
        results: From `read`.
        grid: The configurations of today; a result of one that has changed or gone is left out.
        retry: Leave out what ended in an error, a crash or a time limit.
    """
    wanted = {configuration.id: configuration.to_json() for configuration in grid}
    return {
        result["id"]: result
        for result in results
        if wanted.get(result["id"]) == result["configuration"] and (not retry or result["verdict"] in ANSWERS)
    }


def record_of(configuration: Configuration, outcome: Mapping[str, Any]) -> Record:
    """Put before what a child reported what it was about."""
    return {
        "id": configuration.id,
        "held_out": configuration.held_out,
        "configuration": configuration.to_json(),
        **outcome,
    }


def write(path: Path, header: Mapping[str, Any], results: Iterable[Record]) -> None:
    """Write the whole file, one result a line, so that a reader or a power cut never meets half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    lines = ",\n".join(json.dumps(result, allow_nan=False) for result in results)
    text = json.dumps(header, indent=1).removesuffix("\n}") + f',\n "results": [\n{lines}\n]}}\n'
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
