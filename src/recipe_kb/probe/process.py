"""A child process that is spoken to by lines, has a time limit and leaves nobody behind."""

import math
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import IO

from recipe_kb.probe.descendants import Descendants

STDERR_TAIL_BYTES = 4000
"""How much of the standard error is kept to explain a crash: a traceback's end."""

EXIT_GRACE_S = 10.0
"""How long to wait for what should come at once: an exit after the result, an end after a kill."""

MAX_LINE_LENGTH = 2**24
"""Characters of the longest line taken whole; a result of ten thousand steps is a tenth of it."""

_POLL_S = 0.2
"""How often to look whether a silent child still lives: its own children may hold the stream open after it."""


@dataclass
class Child:
    """A running child; made by `waiting_child` or `child_process`."""

    process: subprocess.Popen[str]
    stderr: IO[bytes]
    deadline: float = math.inf
    _lines: queue.SimpleQueue[str | None] = field(default_factory=queue.SimpleQueue)
    _sender: threading.Thread | None = None
    _ended: bool = False

    def begin(self, task: str, *, timeout_s: float) -> None:
        """Hand the child its task, once.

        Args:
            task: One line for its standard input.
            timeout_s: Limit for `lines`, from now on.
        """
        assert self._sender is None, "a child takes one task"  # noqa: S101 - our own mistake
        self.deadline = time.monotonic() + timeout_s
        self._sender = threading.Thread(
            target=self._send, args=(task,), daemon=True
        )  # it need not read what it is sent
        self._sender.start()

    def lines(self) -> Iterator[str]:
        """Yield the lines of the child's standard output until it closes or the child is gone.

        Raises:
            TimeoutError: The time limit came first.
        """
        while True:
            exited = self.process.poll() is not None
            try:
                line = self._lines.get(timeout=_POLL_S)
            except queue.Empty:
                if exited:
                    return
            else:
                if line is None:
                    return
                yield line
            if time.monotonic() >= self.deadline:
                raise TimeoutError

    def wait(self) -> int | None:
        """Return the exit code of a child that closed its stream; None if it lingers all the same."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(EXIT_GRACE_S)
        return None

    def stderr_tail(self) -> str:
        """Return the end of what the child wrote to its standard error."""
        size = self.stderr.seek(0, os.SEEK_END)
        self.stderr.seek(max(0, size - STDERR_TAIL_BYTES))
        return self.stderr.read().decode(errors="replace")

    def read_stdout(self) -> None:
        """Move lines to the queue; runs in a thread, because a pipe cannot be read with a time limit everywhere."""
        assert self.process.stdout is not None  # noqa: S101 - `waiting_child` made the pipe
        with suppress(ValueError):  # closed under our feet when the child is abandoned
            for line in iter(partial(self.process.stdout.readline, MAX_LINE_LENGTH), ""):
                self._lines.put(line)
        self._lines.put(None)

    def end(self) -> None:
        """Kill the whole group, once: a later group might have got its number; and what left it for its own session.

        torchrun starts each of several ranks so. Those whose own parent is gone are not found here: they watch
        the leader, and end with it.
        """
        if self._ended:
            return
        self._ended = True
        below = Descendants.of(self.process.pid)
        _kill_group(self.process)
        below.kill(EXIT_GRACE_S)
        with suppress(subprocess.TimeoutExpired):  # a process stuck in a driver survives SIGKILL
            self.process.wait(EXIT_GRACE_S)

    def close(self, reader: threading.Thread) -> None:
        """End it, and close the pipes; one that left the group may hold them, so waiting is bounded."""
        self.end()
        for thread, pipe in ((reader, self.process.stdout), (self._sender, self.process.stdin)):
            if thread is not None:
                thread.join(EXIT_GRACE_S)
            if thread is None or not thread.is_alive():
                with suppress(BrokenPipeError):
                    pipe.close()  # type: ignore[union-attr]

    def _send(self, line: str) -> None:
        """Write the task and leave the pipe open: its end of file tells the child that we are gone."""
        assert self.process.stdin is not None  # noqa: S101 - `waiting_child` made the pipe
        with suppress(BrokenPipeError, ValueError):  # a child that is gone already shows in its exit code
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()


@contextmanager
def waiting_child(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Child]:
    """Start a child in its own process group that waits for its task, and kill the whole group on the way out.

    Args:
        command: Program and arguments.
        environ: Its environment.

    Yields:
        The child; `begin` hands it its task. However the block is left, by an error or Ctrl-C too, no process of the
        group survives it, with a task or without.
    """
    with tempfile.TemporaryFile() as stderr:  # nameless, so that nothing can be left behind
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            start_new_session=True,
            env=environ,
        )
        child = Child(process, stderr)
        reader = threading.Thread(target=child.read_stdout, daemon=True)
        try:
            reader.start()
            yield child
        finally:
            child.close(reader)


@contextmanager
def child_process(
    command: Sequence[str], task: str, *, timeout_s: float, environ: Mapping[str, str]
) -> Iterator[Child]:
    """Start a child and hand it its task at once.

    Args:
        command: Program and arguments.
        task: One line for its standard input.
        timeout_s: Limit for `lines`.
        environ: Its environment.

    Yields:
        The child, as `waiting_child` does.
    """
    with waiting_child(command, environ) as child:
        child.begin(task, timeout_s=timeout_s)
        yield child


def _kill_group(process: subprocess.Popen[str]) -> None:
    if not hasattr(os, "killpg"):  # Windows has no process groups in this sense
        process.kill()
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
