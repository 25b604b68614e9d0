"""Many orders on a cluster, each once, and what came of them as they finish."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from recipe_kb.fleet.cancel import cancel_all
from recipe_kb.fleet.engine import Cluster
from recipe_kb.fleet.head import lost_head, watched
from recipe_kb.fleet.node import carry_out
from recipe_kb.fleet.order import Delivery, Order
from recipe_kb.fleet.placement import Placement

MAX_RETRIES = 3
"""How often an order is sent again whose node or worker died. A verdict is never tried again: it is the answer."""

_POLL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Job:
    """One order, and where it may be carried out."""

    order: Order
    placement: Placement


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a job.

    Attributes:
        job: As it was given.
        delivery: The evidence; None if there is none.
        why: Why there is none: every node that had it died, or a bug of ours.
    """

    job: Job
    delivery: Delivery | None
    why: str | None = None


def run(cluster: Cluster, jobs: Sequence[Job]) -> Iterator[Result]:
    """Carry out all jobs, one Ray task for each.

    Args:
        cluster: Where to.
        jobs: Each must fit a node, or it waits for one.

    Yields:
        One result for each job, in the order in which they finish.
        However the iteration ends, by an error or Ctrl-C too, what is not finished is cancelled, and has ended.

    Raises:
        CannotHereError: The head of the cluster is gone (KB351).
    """
    ray = cluster.ray
    task = ray.remote(carry_out)
    pending: dict[Any, Job] = {}
    with watched() as watch:
        try:
            for job in jobs:
                options = job.placement.options() | {"max_retries": MAX_RETRIES, "retry_exceptions": False}
                name = job.order.request.recipe_id
                pending[task.options(**options, name=name).remote(job.order.model_dump_json())] = job
            while pending:
                finished, _unfinished = ray.wait(list(pending), num_returns=len(pending), timeout=_POLL_S)
                for reference in finished:
                    yield _result(cluster, reference, pending.pop(reference))
                if watch.is_gone():
                    raise lost_head(cluster)
        finally:
            cancel_all(cluster, list(pending), unless=watch.is_gone)


def _result(cluster: Cluster, reference: Any, job: Job) -> Result:
    errors = cluster.ray.exceptions
    try:
        return Result(job=job, delivery=Delivery.model_validate_json(cluster.ray.get(reference)))
    except errors.RayTaskError as error:  # raised by our own code there, not by a training
        why = f"{type(error.cause).__name__}: {error.cause}"
    except errors.RayError as error:
        why = str(error).strip() or type(error).__name__
    except ValueError as error:
        why = str(error)
    return Result(job=job, delivery=None, why=why.splitlines()[0])
