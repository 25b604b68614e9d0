"""Cancelling tasks on a cluster until none is left.

Ray sends a cancel once, by another way than the task.
One that reaches the worker before its task does is lost, and the task then runs to its end.
While the answer to a cancel is on its way, Ray ignores every other one for the same task, a forced one too.
So each is sent again until its task has ended.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from recipe_kb.fleet.engine import Cluster

AGAIN_S = 1.0
"""Between two cancels of the same task."""

FORCE_AFTER_S = 15.0
"""How long a probe may take to clean up behind itself before its worker is killed."""

GIVE_UP_S = 60.0
"""A node that does not answer for so long is found dead by Ray, and its workers end by themselves."""


def cancel_all(cluster: Cluster, references: Sequence[Any], *, unless: Callable[[], bool]) -> int:
    """End what is queued or running: first as Ctrl-C does, so that a probe cleans up; then by killing its worker.

    The child of a worker that was killed ends by itself, within moments, and removes its files.

    Args:
        cluster: Where it runs.
        references: What Ray calls it.
        unless: Says whether nobody is there any more to be told.

    Returns:
        How many have not ended within `GIVE_UP_S`.
    """
    left, began_s = list(references), time.monotonic()
    while left and not unless():
        waited_s = time.monotonic() - began_s
        if waited_s > GIVE_UP_S:
            break
        for reference in left:
            cluster.ray.cancel(reference, force=waited_s > FORCE_AFTER_S)
        _ended, left = cluster.ray.wait(left, num_returns=len(left), timeout=AGAIN_S)
    return len(left)
