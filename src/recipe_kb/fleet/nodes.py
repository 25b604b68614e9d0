"""The machines of a cluster: what Ray counts on each, and what each says of itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recipe_kb import __version__
from recipe_kb.errors import CannotHereError, Problem
from recipe_kb.fleet.engine import Cluster
from recipe_kb.fleet.node import look
from recipe_kb.fleet.order import NodeFacts
from recipe_kb.fleet.placement import Placement
from recipe_kb.i18n import _

LOOK_S = 120.0
"""For all nodes to start a worker and import the package."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One machine, or one of several nodes that are played on it.

    Attributes:
        node_id: Ray's name for it.
        resources: What Ray counts on it.
        facts: What it says of itself.
    """

    node_id: str
    resources: Mapping[str, float]
    facts: NodeFacts


def nodes_of(cluster: Cluster) -> tuple[Node, ...]:
    """Ask every living node what it is.

    Raises:
        CannotHereError: The package is missing on a node, or is another version there (KB352); all are named.
    """
    ray = cluster.ray
    alive = [node for node in ray.nodes() if node["Alive"]]
    asked = {node["NodeID"]: _look_at(cluster, node["NodeID"]) for node in alive}
    ready, _late = ray.wait(list(asked.values()), num_returns=len(asked), timeout=LOOK_S)
    answered = set(ready)
    found, problems = [], []
    for node in alive:
        host = str(node.get("NodeManagerHostname") or node["NodeID"])
        reference = asked[node["NodeID"]]
        if reference not in answered:
            ray.cancel(reference, force=True)
            problems.append(_unfit(host, _("no answer within {seconds} s").format(seconds=f"{LOOK_S:g}")))
            continue
        try:
            facts = NodeFacts.model_validate_json(ray.get(reference))
        except (ray.exceptions.RayError, ValueError) as error:
            problems.append(_unfit(host, str(error).strip().splitlines()[-1]))
            continue
        if facts.versions.get("recipe_kb") != __version__:
            problems.append(_unfit(host, f"recipe-kb {facts.versions.get('recipe_kb')}"))
        found.append(Node(node_id=node["NodeID"], resources=node["Resources"], facts=facts))
    if problems:
        raise CannotHereError(*problems)
    return tuple(found)


def most_cores(nodes: Sequence[Node]) -> int:
    """Return the cores of the node that has most."""
    return int(max((node.resources.get("CPU", 0) for node in nodes), default=0))


def has_gpu(nodes: Sequence[Node]) -> bool:
    """Say whether any node has a GPU that Ray counts."""
    return any(node.resources.get("GPU", 0) >= 1 for node in nodes)


def fitting(nodes: Sequence[Node], placement: Placement) -> list[Node]:
    """Return the nodes that could ever run a task with this placement."""
    return [node for node in nodes if placement.fits(node.resources)]


def _look_at(cluster: Cluster, node_id: str) -> object:
    strategy = cluster.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node_id, soft=False)
    task = cluster.ray.remote(look).options(num_cpus=0, scheduling_strategy=strategy, max_retries=1)
    return task.remote()


def _unfit(host: str, why: str) -> Problem:
    what = _("This node cannot run probes of recipe-kb {version}: {why}").format(version=__version__, why=why)
    return Problem(code="KB352", where=host, what=what, next_command=f"pip install 'recipe-kb[probe]=={__version__}'")
