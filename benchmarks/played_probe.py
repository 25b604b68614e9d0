"""A child that plays a probe: it sleeps as long as it is told and reports steps that nobody took.

`python played_probe.py SECONDS [--log FOLDER] [--dies worker|once|child]` prints what a probe's child prints.
For tests and benchmarks of what is around a probe. It imports nothing of the package, so it starts at once.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

STEPS = [{"loss": 2.0 - step / 16, "grad_norm": 1.0, "time_s": 0.1, "skipped": False} for step in range(16)]


def main() -> None:
    """Play one probe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--dies", choices=["worker", "once", "child"])
    asked = parser.parse_args()
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=end_with_parent, args=(task["scratch"],), daemon=True).start()
    recipe_id = task["request"]["recipe_id"]
    tries = log(asked.log, recipe_id) if asked.log else 1
    if asked.dies == "worker" or (asked.dies == "once" and tries == 1):
        os.kill(os.getppid(), signal.SIGKILL)
    if asked.dies == "child":
        os.kill(os.getpid(), signal.SIGKILL)
    say({"event": "started", "device": "cpu", "gpu_name": None, "fingerprint": {}})
    time.sleep(asked.seconds)
    say({"event": "finished", "steps": STEPS})


def say(message: dict[str, object]) -> None:
    """Print one message."""
    print(json.dumps(message), flush=True)


def end_with_parent(scratch: str) -> None:
    """Go, and take the scratch folder along, when standard input ends: as the child of a probe does."""
    while os.read(0, 4096):
        pass
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


def log(folder: Path, recipe_id: str) -> int:
    """Leave a file that says where this probe ran; return how many it has left by now."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = recipe_id.replace("/", "_")
    names = ("RAY_RAYLET_PID", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
    said = json.dumps({name: os.environ.get(name) for name in names} | {"pid": os.getpid()})
    (folder / f"{stem}.{os.getpid()}.json").write_text(said, encoding="utf-8")
    return len(list(folder.glob(f"{stem}.*.json")))


if __name__ == "__main__":
    main()
