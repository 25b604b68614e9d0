"""Watching the head of a cluster: without it nothing is placed any more.

Ray itself would wait a minute for a head that is gone and then abort the process; for one that came back without its
memory (which needs Redis to survive a restart) it waits for ever.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from recipe_kb.errors import CannotHereError, Problem
from recipe_kb.fleet.engine import Cluster
from recipe_kb.i18n import _

GRACE_S = 20.0
"""How long the head may be silent: a network that hiccups is no end."""

INTERVAL_S = 2.0


class HeadWatch:
    """Asks the head now and then, in a thread of its own: a question to a head that is gone does not return.

    Args:
        remembers: Asks; False if the head has forgotten this run. It may block, and it may raise.
        interval_s: Between two questions.
        grace_s: How long it may be silent.
    """

    def __init__(
        self, remembers: Callable[[], bool], *, interval_s: float | None = None, grace_s: float | None = None
    ) -> None:
        self._remembers = remembers
        self._interval_s = INTERVAL_S if interval_s is None else interval_s
        self._grace_s = GRACE_S if grace_s is None else grace_s
        self._answered_s = time.monotonic()
        self._forgotten = False
        self._stop = threading.Event()
        threading.Thread(target=self._ask, daemon=True).start()

    def is_gone(self) -> bool:
        """Say whether it has forgotten this run, or has been silent for too long."""
        return self._forgotten or time.monotonic() - self._answered_s > self._grace_s

    def stop(self) -> None:
        """Ask no more."""
        self._stop.set()

    def _ask(self) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                known = self._remembers()
            except Exception:  # noqa: BLE001, S112 - silent for now; `is_gone` knows for how long
                continue
            self._answered_s = time.monotonic()
            self._forgotten |= not known


@contextmanager
def watched() -> Iterator[HeadWatch]:
    """Watch the head while the block runs; it is given a mark to remember."""
    from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put

    mark = f"recipe-kb-{secrets.token_hex(8)}".encode()
    _internal_kv_put(mark, b"1")
    watch = HeadWatch(lambda: _internal_kv_get(mark) is not None)
    try:
        yield watch
    finally:
        watch.stop()
        if not watch.is_gone():
            _internal_kv_del(mark)


def lost_head(cluster: Cluster) -> CannotHereError:
    """Say that the head is gone, and how to go on."""
    what = _("The head of the cluster at {address} is gone. What was recorded is kept; the rest was not trained.")
    command = f"kb validate --all --engine ray --address {cluster.gcs_address} --record --resume"
    return CannotHereError(Problem(code="KB351", what=what.format(address=cluster.gcs_address), next_command=command))
