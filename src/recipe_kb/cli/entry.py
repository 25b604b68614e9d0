"""What the `kb` script starts: so little that Ctrl-C is met from the first millisecond on."""

import _thread
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

AGAIN_S = 0.01
"""After this the interrupt has left the place that could not raise it, in seconds."""


def main() -> None:
    """Run `kb` and exit; Ctrl-C while the program still loads ends it without a word, as exit code 130."""
    sys.unraisablehook = _interrupt_again
    try:
        from recipe_kb.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


def _interrupt_again(lost: "UnraisableHookArgs", /) -> None:
    """Raise Ctrl-C a moment later where it met code that can raise nothing, such as pydantic making a class."""
    if lost.exc_type is KeyboardInterrupt:
        _thread.start_new_thread(_interrupt_soon, (_thread.get_ident(),))
    else:
        sys.__unraisablehook__(lost)


def _interrupt_soon(main_thread: int) -> None:
    import signal
    import time

    time.sleep(AGAIN_S)
    signal.pthread_kill(main_thread, signal.SIGINT)  # a signal: it also ends a system call that waits
