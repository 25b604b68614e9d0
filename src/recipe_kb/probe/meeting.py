"""Where the leader and its ranks meet: files and named pipes in the folder that is the child's own.

torchrun starts each rank in a session of its own, with no file of ours open, so that neither a signal to the group of
the child nor the end of a pipe would reach it. A path does.

`alive` is held open for writing by the leader alone; its end of file tells the ranks that the leader is gone.
`said` takes the messages of rank 0.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path

ALIVE, SAID, TASK = "alive", "said", "task.json"
LEADER_IS_GONE = 1


def open_alive(folder: Path) -> int:
    """Make the pipe that ends with this process, and hold it; it is not inherited.

    Returns:
        The file descriptor, open both ways: a pipe for writing alone would wait for a reader.
    """
    os.mkfifo(folder / ALIVE)
    return os.open(folder / ALIVE, os.O_RDWR)


def end_with_leader(folder: Path) -> None:
    """Watch the pipe in a thread, and end this process at once when the leader is gone, in the middle of a step too."""
    try:
        pipe = os.open(folder / ALIVE, os.O_RDONLY | os.O_NONBLOCK)  # else it would wait for a leader that is gone
    except FileNotFoundError:
        os._exit(LEADER_IS_GONE)
    os.set_blocking(pipe, True)
    threading.Thread(target=_wait_for_end, args=(pipe,), daemon=True).start()


def _wait_for_end(pipe: int) -> None:
    os.read(pipe, 1)  # nobody writes
    os._exit(LEADER_IS_GONE)


def pass_on(folder: Path, take: Callable[[str], None]) -> Callable[[], None]:
    """Take the lines that rank 0 writes, in a thread.

    Returns:
        A function that waits until all lines are taken, once rank 0 writes no more.
    """
    os.mkfifo(folder / SAID)
    pipe = os.open(folder / SAID, os.O_RDWR)  # open for writing too, so that the end of rank 0 is no end of file

    def read() -> None:
        with os.fdopen(os.dup(pipe), encoding="utf-8") as lines:
            for line in lines:
                if line == "\n":  # our own, below
                    return
                take(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def finish() -> None:
        os.write(pipe, b"\n")
        reader.join()
        os.close(pipe)

    return finish
