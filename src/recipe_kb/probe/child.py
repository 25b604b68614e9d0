"""The child process of a probe: `python -m recipe_kb.probe.child`, task on stdin, messages on stdout."""

import os
import shutil
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from recipe_kb.probe.messages import Task

PARENT_IS_GONE = 1


def main() -> None:
    """Do the task and exit; an error that is no verdict leaves a traceback and exit code 1 to the parent."""
    stream = claim_stdout()
    be_killed_first()
    task = Task.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=end_with_parent, args=(task.scratch,), daemon=True).start()
    from recipe_kb.probe.session import run

    run(task, stream)


def claim_stdout() -> TextIO:
    """Keep the real standard output for messages and send what libraries print to standard error."""
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1, encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return stream


def be_killed_first() -> None:
    """Offer this process to Linux' out-of-memory killer, so that it spares the one that records the verdict."""
    with suppress(OSError):  # another system, or a sandbox without /proc
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def end_with_parent(scratch: Path) -> None:
    """Wait for the end of standard input, which the parent holds open as long as it lives, then go at once.

    Read below Python's buffer: a thread that holds the buffer's lock would abort a normal exit.
    """
    while os.read(sys.stdin.fileno(), 1024):
        pass
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(PARENT_IS_GONE)


if __name__ == "__main__":
    main()
