"""One process per configuration: prepared ahead, on the GPU one at a time, ended at its time limit.

This side imports no torch.
"""

import faulthandler
import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO, Any

Record = dict[str, Any]

EXIT_GRACE_S = 10.0
"""How long a child may take to go once it has reported: the driver gives its memory back meanwhile."""

LOG_TAIL_BYTES = 2000
"""How much of what a child wrote is kept to explain its end."""

READY, GO = "ready", "go"


@dataclass(frozen=True)
class Nursery:
    """How children start, and the module that each has imported then."""

    context: BaseContext
    preload: str


def nursery(start: str, preload: str = "memory_grid.preload") -> Nursery:
    """Choose how children start, and set the variables that they inherit.

    Args:
        start: `forkserver`: forked off a server that has imported torch and transformers and never touched CUDA, so
            that a child starts at once; `spawn`: a new interpreter each, seconds slower.
        preload: The module that the server, or each new interpreter, imports first.

    Returns:
        What `run_each` takes; the server starts with the first child.
    """
    os.environ["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # NVML's order
    # One GPU: of several `Trainer` would take all.
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    context: BaseContext = multiprocessing.get_context(start)
    if start == "forkserver":
        context.set_forkserver_preload([preload])
    return Nursery(context, preload)


@dataclass
class Child:
    """A started child, and the ends that the parent holds."""

    process: BaseProcess
    connection: Connection
    log: IO[bytes]


def run_each(
    born: Nursery, work: str, tasks: Iterable[Record], *, ahead: int, limit_s: float
) -> Generator[Record, None, None]:
    """Run tasks one after another, each in a process of its own.

    Args:
        born: From `nursery`.
        work: `module:function`; the function gets the task and a function that waits for its turn.
        tasks: What the children do; taken as they are started.
        ahead: How many children prepare themselves while one has its turn.
        limit_s: Seconds that a child may take to prepare, counted from when it is waited for, and again for its turn.

    Yields:
        Of each task, in order, what the work returned, or a record with the verdict `error`, `crash` or `timeout`.
    """
    started: deque[Child] = deque()
    tasks = iter(tasks)
    try:
        while True:
            while len(started) <= ahead and (task := next(tasks, None)) is not None:
                started.append(_start(born, work, task))
            if not started:
                return
            record = _finish(started[0], limit_s)
            _remove(started.popleft())
            yield record
    finally:
        for child in started:
            _remove(child)


def _start(born: Nursery, work: str, task: Record) -> Child:
    ours, theirs = born.context.Pipe()
    log = tempfile.NamedTemporaryFile(prefix="gpu-memory-grid-")  # noqa: SIM115 - `_remove` closes it
    arguments = (born.preload, work, task, theirs, log.name)
    process = born.context.Process(target=child_main, args=arguments, daemon=True)  # type: ignore[attr-defined]
    process.start()
    theirs.close()  # or its end would not be seen when the child dies
    return Child(process, ours, log)


def _finish(child: Child, limit_s: float) -> Record:
    """Give a child its turn and wait for what it reports."""
    try:
        answer = _receive(child, limit_s)
        if answer == READY:
            child.connection.send(GO)
            answer = _receive(child, limit_s)
    except TimeoutError:
        return {"verdict": "timeout", "error": f"no answer within {limit_s:g} s; {_log_tail(child)}"}
    except (EOFError, OSError):
        child.process.join(EXIT_GRACE_S)
        return {"verdict": "crash", "error": f"{_ending(child.process.exitcode)}; {_log_tail(child)}"}
    child.process.join(EXIT_GRACE_S)
    record: Record = answer
    return record


def _receive(child: Child, limit_s: float) -> Any:
    if not wait([child.connection, child.process.sentinel], limit_s):
        raise TimeoutError
    return child.connection.recv()  # of a child that is gone: what it still sent, then EOFError


def _remove(child: Child) -> None:
    """End the child, if it has not ended, before the next one may use the GPU."""
    child.process.kill()
    child.process.join(EXIT_GRACE_S)  # bounded: a process stuck in a driver survives SIGKILL
    child.connection.close()
    child.log.close()


def _ending(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"killed by signal {-exit_code}"


def _log_tail(child: Child) -> str:
    content = Path(child.log.name).read_bytes()
    return f"it wrote: {content[-LOG_TAIL_BYTES:].decode(errors='replace').strip()}" if content else "it wrote nothing"


def child_main(preload: str, work: str, task: Record, connection: Connection, log: str) -> None:
    """Be the child: do the work, report what it returns, and go."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):  # what libraries print below Python too
        os.dup2(descriptor, stream)
    faulthandler.enable(descriptor)
    start = time.perf_counter()

    def wait_for_turn() -> None:
        connection.send(READY)
        if connection.recv() != GO:
            raise AssertionError

    try:
        importlib.import_module(preload)
        module, _, function = work.partition(":")
        do: Callable[[Record, Callable[[], None]], Record] = getattr(importlib.import_module(module), function)
        record = do(task, wait_for_turn)
    except EOFError:  # the parent is gone
        return
    except BaseException:  # noqa: BLE001 - reported, and the process ends anyway
        record = {"verdict": "error", "error": traceback.format_exc()[-LOG_TAIL_BYTES:]}
    connection.send(record | {"child_s": time.perf_counter() - start})
