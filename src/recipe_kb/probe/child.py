"""The child process of a probe: `python -m recipe_kb.probe.child`, task on stdin, messages on stdout."""

import json
import os
import queue
import shutil
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from recipe_kb.probe.environ import SCRATCH

PARENT_IS_GONE = 1


def main() -> None:
    """Do the task and exit; an error that is no verdict leaves a traceback and exit code 1 to the parent.

    What takes seconds to import is imported before the task is there, so that a child can be started ahead of it.
    """
    stream = claim_stdout()
    be_killed_first()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(lines,), daemon=True).start()
    from recipe_kb.probe.messages import Task
    from recipe_kb.probe.session import run

    run(Task.model_validate_json(lines.get()), stream)


def claim_stdout() -> TextIO:
    """Keep the real standard output for messages and send what libraries print to standard error."""
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1, encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return stream


def be_killed_first() -> None:
    """Offer this process to Linux' out-of-memory killer, so that it spares the one that records the verdict."""
    with suppress(OSError):  # another system, or a sandbox without /proc
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def listen(lines: queue.SimpleQueue[bytes]) -> None:
    """Pass on the task, wait for the end of standard input, then go at once.

    The parent holds it open as long as it lives, so its end means that nobody waits for a result; before the task,
    while torch is imported and in the middle of a step all the same.
    Read below Python's buffer: a thread that holds the buffer's lock would abort a normal exit.
    """
    received = bytearray()
    given = False
    while chunk := os.read(sys.stdin.fileno(), 65536):
        received += chunk
        if not given and b"\n" in chunk:
            lines.put(bytes(received))
            given = True
    if SCRATCH in os.environ:
        shutil.rmtree(os.environ[SCRATCH], ignore_errors=True)
    with suppress(ValueError, KeyError, TypeError):  # no task, or half of one: there is nothing of it to remove
        shutil.rmtree(json.loads(received)["scratch"], ignore_errors=True)
    os._exit(PARENT_IS_GONE)


if __name__ == "__main__":
    main()
