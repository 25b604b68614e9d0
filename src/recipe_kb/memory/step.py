"""One training step as data: what is allocated and freed in each of its parts, without torch.

A storage has a number; `i` in a list of events allocates storage i, `~i` frees it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from recipe_kb.memory.device import Decided, Device, decided_bytes

Part = Literal[
    "placement",
    "inputs",
    "forward",
    "backward",
    "release",
    "other_gradients",
    "first_update",
    "update",
    "zero_grad",
    "evaluation_inputs",
    "evaluation",
    "evaluation_release",
    "second_step",
]
PARTS: tuple[Part, ...] = get_args(Part)
TRACED_PARTS: tuple[Part, ...] = PARTS[:-1]
"""What a trace of one process has; `second_step` is what several GPUs do once, before their second step."""
UPDATES: tuple[Part, ...] = ("first_update", "update")

Category = Literal[
    "weights", "gradients", "optimizer", "activations", "autocast", "logits", "inputs", "workspace", "exchange"
]
CATEGORIES: tuple[Category, ...] = get_args(Category)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one step allocates and frees, at one micro-batch and length.

    Attributes:
        parts: Part to its events.
        num_bytes: Size of storage i as asked for, or the count by which the GPU decides it.
        decided: Storages that the GPU sizes.
        categories: What storage i is for.
        gradients: (position in the backward part, storage): when a parameter's gradient is complete.
        streams: Storages of another CUDA stream than the default; the allocator keeps their blocks apart.
        on_sync: Storages that only the last micro-batch of an optimizer step has, where GPUs exchange gradients.
        flops: Floating point operations of one forward and backward pass; a multiply-add is two.
        evaluation_flops: The same of one evaluation pass.
    """

    parts: Mapping[Part, tuple[int, ...]]
    num_bytes: tuple[int, ...]
    decided: Mapping[int, Decided]
    categories: tuple[Category, ...]
    gradients: tuple[tuple[int, int], ...]
    flops: int
    evaluation_flops: int
    streams: Mapping[int, int] = field(default_factory=dict)
    on_sync: frozenset[int] = frozenset()

    def bytes_on(self, device: Device) -> list[int]:
        """Return the size of every storage on a GPU."""
        sizes = list(self.num_bytes)
        for storage, kind in self.decided.items():
            sizes[storage] = decided_bytes(kind, sizes[storage], device)
        return sizes

    def only(self, *parts: Part) -> "Step":
        """Return these parts alone, with the storages that they allocate."""
        kept = [event for part in parts for event in self.parts.get(part, ()) if event >= 0]
        number = {storage: index for index, storage in enumerate(kept)}
        return Step(
            parts={
                part: tuple(
                    number[event] if event >= 0 else ~number[~event]
                    for event in self.parts.get(part, ())
                    if (event if event >= 0 else ~event) in number
                )
                for part in parts
            },
            num_bytes=tuple(self.num_bytes[storage] for storage in kept),
            decided={number[storage]: kind for storage, kind in self.decided.items() if storage in number},
            categories=tuple(self.categories[storage] for storage in kept),
            gradients=(),
            flops=0,
            evaluation_flops=0,
        )

    def with_update(self, other: "Step") -> "Step":
        """Return this step with the optimizer of another trace of the same trained parameters."""
        offset = len(self.num_bytes)
        parts = dict(self.parts)
        for part in UPDATES:
            parts[part] = tuple(
                event + offset if event >= 0 else ~(~event + offset) for event in other.parts.get(part, ())
            )
        decided = {storage + offset: kind for storage, kind in other.decided.items()}
        return replace(
            self,
            parts=parts,
            num_bytes=self.num_bytes + other.num_bytes,
            categories=self.categories + other.categories,
            decided={**self.decided, **decided},
        )

    def resident_bytes(self) -> int:
        """Sum what is allocated once and never freed: weights and the optimizer's state."""
        freed = {~event for part in self.parts.values() for event in part if event < 0}
        once = {event for part in ("placement", "first_update") for event in self.parts.get(part, ()) if event >= 0}
        return sum(self.num_bytes[storage] for storage in once - freed if storage not in self.decided)

    def total_bytes(self, *categories: Category) -> int:
        """Sum what storages of these categories ask for, without what the GPU sizes."""
        pairs = enumerate(zip(self.num_bytes, self.categories, strict=True))
        sizes = (size for index, (size, category) in pairs if category in categories and index not in self.decided)
        return sum(sizes)
