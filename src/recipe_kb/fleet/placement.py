"""Where a probe may run: the card of the recipe, a resource of the cluster's own, or the cores of any node."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recipe_kb.resolve.answer import Answer

ACCELERATOR_TYPE = "accelerator_type:"
"""Before the name of a card, in what Ray says a node has."""

CORES_OF_A_CPU_PROBE = 2
"""What the time limit of a probe was found on; fewer where no node has them."""

_SHARE = 0.001
"""Of an accelerator type, for each task: Ray's own measure for "runs where there is one"."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What one task needs of a node.

    Attributes:
        num_cpus: Cores that Ray counts for it.
        num_gpus: Cards that it gets for itself.
        accelerator_type: What Ray calls the card; None where any will do.
        resource: A resource of the cluster's own, of which it takes one.
    """

    num_cpus: int = 1
    num_gpus: int = 0
    accelerator_type: str | None = None
    resource: str | None = None

    def needs(self) -> dict[str, float]:
        """Return all of it as Ray counts resources."""
        needs: dict[str, float] = {"CPU": self.num_cpus, "GPU": self.num_gpus}
        if self.accelerator_type:
            needs[ACCELERATOR_TYPE + self.accelerator_type] = _SHARE
        if self.resource:
            needs[self.resource] = 1
        return needs

    def options(self) -> dict[str, Any]:
        """Return it as options of a Ray task."""
        return {
            "num_cpus": self.num_cpus,
            "num_gpus": self.num_gpus,
            "accelerator_type": self.accelerator_type,
            "resources": {self.resource: 1} if self.resource else {},
        }

    def fits(self, resources: Mapping[str, float]) -> bool:
        """Say whether a node with these resources could ever run it."""
        return all(resources.get(name, 0) >= count for name, count in self.needs().items())

    def __str__(self) -> str:
        """Name what it needs beyond cores."""
        parts = [f"{ACCELERATOR_TYPE}{self.accelerator_type}"] if self.accelerator_type else []
        parts += [f"GPU: {self.num_gpus}"] if self.num_gpus else [f"CPU: {self.num_cpus}"]
        parts += [f"{self.resource}: 1"] if self.resource else []
        return ", ".join(parts)


def placement_of(
    answer: Answer, *, on_gpu: bool, any_card: bool = False, resource: str | None = None, most_cores: int = 1
) -> Placement | None:
    """Return where a recipe may be trained.

    Args:
        answer: The recipe.
        on_gpu: Whether it trains on GPUs at all.
        any_card: Whether another card than the recipe's will do: one is played on it.
        resource: Where this is, whatever the card is called there.
        most_cores: Of any node.

    Returns:
        None if Ray has no name for the card and no resource is given.
    """
    if not on_gpu:
        return Placement(num_cpus=max(1, min(CORES_OF_A_CPU_PROBE, most_cores)), resource=resource)
    if resource or any_card:
        return Placement(num_gpus=answer.num_gpus, resource=resource)
    card = answer.gpu.ray_accelerator if answer.gpu else None
    return Placement(num_gpus=answer.num_gpus, accelerator_type=card) if card else None
