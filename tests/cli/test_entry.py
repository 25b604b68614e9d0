"""What the `kb` script starts: Ctrl-C is never lost."""

import subprocess
import sys

LOST = """
import signal
import time
from recipe_kb.cli import entry, main

class Finaliser:
    def __del__(self):
        raise {error}

def lose_it():
    Finaliser()
    time.sleep({sleep_s})
    raise SystemExit(7)

main.root_group = lose_it
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background inherits that it is ignored
entry.main()
"""


def run(error, *, sleep_s):
    code = LOST.format(error=error, sleep_s=sleep_s)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_ctrl_c_where_nothing_can_be_raised_ends_the_command_all_the_same():
    found = run("KeyboardInterrupt", sleep_s=30)
    assert found.returncode == 130, found.stderr
    assert "Traceback" not in found.stderr


def test_another_error_there_is_told_as_python_tells_it():
    found = run("ValueError('odd')", sleep_s=0)
    assert found.returncode == 7
    assert "Exception ignored in" in found.stderr
    assert "ValueError: odd" in found.stderr
