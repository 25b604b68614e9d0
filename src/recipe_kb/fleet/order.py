"""What travels to a node and back, as JSON: the node needs the package, not the knowledge base."""

from pydantic import ConfigDict

from recipe_kb.probe.request import ProbeRequest
from recipe_kb.schema.evidence import Evidence, Record


class Order(Record):
    """To a node: one recipe to train.

    Attributes:
        request: The recipe, its network, and how to run it.
        repeats: How often.
        ladder: Whether to walk the recipe's ladder when memory runs out.
        command: Another child than the probe's own, for tests and benchmarks.
    """

    request: ProbeRequest
    repeats: int = 1
    ladder: bool = True
    command: tuple[str, ...] | None = None


class Delivery(Record):
    """From a node: the evidence of each run, as a probe on that node writes it, and what the node is called."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    host: str
    runs: tuple[Evidence, ...]


class NodeFacts(Record):
    """From a node: what decides whether evidence of it answers already.

    Attributes:
        host: What the machine is called.
        gpu_names: Its GPUs, as NVML names them.
        versions: Of the packages that can change a result, and `recipe_kb`; None for one that is not installed.
    """

    host: str
    gpu_names: tuple[str, ...]
    versions: dict[str, str | None]
