"""Children, one per transformers version: imports are paid once for all rows of a version."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accuracy import environment, versions
from accuracy.spec import RowSpec

_BENCHMARKS = Path(__file__).resolve().parent.parent
_SOURCES = _BENCHMARKS.parent / "src"


def answers(specs: list[RowSpec], also: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Predict specs, version by version.

    Args:
        specs: In any order.
        also: What else to ask of each spec, keys of `child.ALSO`.

    Yields:
        What `child` answers, with `fallback` added where the version could not be installed: then the installed
        one has answered, and `fallback` says so.
    """
    for version in dict.fromkeys(spec.transformers for spec in specs):
        of_version = [spec for spec in specs if spec.transformers == version]
        try:
            path, fallback = environment.import_path(version), None
        except environment.NoEnvironmentError as error:
            current = versions.installed()
            path = []
            fallback = f"version mismatch: transformers {version} could not be installed ({error}), {current} was used"
        for given in _of_one_version(of_version, path, also):
            yield given | {"fallback": fallback} if fallback else given


def _of_one_version(specs: list[RowSpec], path: list[Path], also: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Start a child, and another one after each row that kills it."""
    waiting = list(specs)
    while waiting:
        done = 0
        for given in _of_one_child(waiting, path, also):
            yield given
            done += 1
        waiting = waiting[done:]


def _of_one_child(specs: Iterable[RowSpec], path: list[Path], also: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Ask one child until it has answered everything or dies; its death is an answer, the last one."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as talk:
        child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "accuracy.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=talk,
            text=True,
            env=_environment(path),
            cwd=_BENCHMARKS,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            for spec in specs:
                line = _ask(child, json.dumps({"spec": asdict(spec), "also": also}))
                if not line:
                    talk.seek(0)
                    last = (talk.read().strip() or "no word on stderr").splitlines()[-1]
                    yield {"id": spec.id, "reason": f"the predicting process ended with {child.wait()}: {last}"}
                    return
                yield json.loads(line)
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
            with contextlib.suppress(BrokenPipeError):  # a request that a dead child did not read
                child.stdin.close()


def _ask(child: "subprocess.Popen[str]", request: str) -> str:
    """Return the line that answers, empty if the child is gone."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(request + "\n")
        child.stdin.flush()
    except BrokenPipeError:
        return ""
    return child.stdout.readline()


def _environment(path: list[Path]) -> dict[str, str]:
    folders = [*path, _BENCHMARKS, _SOURCES]
    inherited = os.environ.get("PYTHONPATH")
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([*map(str, folders), *([inherited] if inherited else [])]),
        "TRANSFORMERS_VERBOSITY": "error",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
