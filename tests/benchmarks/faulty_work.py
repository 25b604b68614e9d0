"""What a child may do instead of measuring; run in processes of their own by test_memory_grid_children.py."""

import os
import signal
import time
from pathlib import Path


def echo(task, wait_for_turn):
    wait_for_turn()
    return {"verdict": "measured", "said": task["say"]}


def go_wrong(task, wait_for_turn):
    """End as the task says, before or after this process had its turn."""
    if task.get("when") != "early":
        wait_for_turn()
    print("last words", flush=True)
    match task["how"]:
        case "raise":
            raise ValueError("what went wrong")
        case "exit":
            os._exit(7)
        case "signal":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            Path(task["log"]).write_text(str(os.getpid()))
            time.sleep(600)
        case "well":
            return {"verdict": "measured"}
    raise AssertionError(task["how"])


def write_turn(task, wait_for_turn):
    """Note when this process is prepared and when its turn begins and ends."""
    log = Path(task["log"])
    _note(log, f"prepared {task['name']}")
    wait_for_turn()
    _note(log, f"begins {task['name']}")
    deadline = time.monotonic() + 20  # a busy machine takes its time to start the next one
    while task["name"] == "a" and "prepared b" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    _note(log, f"ends {task['name']}")
    return {"verdict": "measured", "pid": os.getpid()}


def _note(log, line):
    with log.open("a") as stream:
        stream.write(line + "\n")
