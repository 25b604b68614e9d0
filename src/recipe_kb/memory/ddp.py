"""What DistributedDataParallel allocates: buckets in which gradients are summed, and copies to start from.

Each GPU holds the whole network; the buckets are as large as all gradients together and stay.
NCCL's own buffers lie outside the caching allocator and are not counted: their size is settled when the GPUs connect.
"""

from collections.abc import Sequence

from recipe_kb.memory.additions import Additions
from recipe_kb.memory.layout import Layout
from recipe_kb.memory.shape import ShapedStep
from recipe_kb.memory.step import Part
from recipe_kb.units import MIB

FIRST_BUCKET_BYTES = MIB
"""`dist._DEFAULT_FIRST_BUCKET_BYTES`."""
BUCKET_BYTES = 25 * MIB
"""`_DEFAULT_BUCKET_CAP_MB`, which `Trainer` leaves as it is."""
BROADCAST_BYTES = 250 * MIB
"""`broadcast_bucket_size`: rank 0 sends its weights to the others in such parts."""
_MOST_IN_FLIGHT = 2
_INT32 = 4
Tensor = tuple[int, int]
"""Bytes of a tensor, and of one element, which tells dtypes apart."""


def with_ddp(shaped: ShapedStep, layout: Layout, *, finds_unused: bool, keeps_outputs: bool = False) -> ShapedStep:
    """Return a step as one of several GPUs runs it under DistributedDataParallel.

    Args:
        shaped: The step of one GPU.
        layout: The parameters, heads of further tasks included.
        finds_unused: `find_unused_parameters`; `Trainer` sets it unless a plain model of transformers recomputes
            activations.
        keeps_outputs: A bare loop keeps outputs and loss until they are made again.

    Source:
        torch/nn/parallel/distributed.py, `__init__`, `_ddp_init_helper` and `_post_forward` (`_DDPSink` clones the
        outputs), and torch/csrc/distributed/c10d/reducer.cpp, PyTorch 2.13; `gradient_as_bucket_view` is False.
    """
    added, step = Additions(shaped), shaped.step
    parts = dict(step.parts)
    placement = list(parts["placement"])
    in_flight: list[int] = []
    for num_bytes in broadcast_bytes(layout):
        if len(in_flight) >= _MOST_IN_FLIGHT:
            placement.append(~in_flight.pop(0))
        in_flight.append(added.storage(num_bytes))
        placement.append(in_flight[-1])
    placement += (~storage for storage in in_flight)
    first = [added.storage(size) for size in first_buckets(layout, finds_unused=finds_unused)]
    placement += first
    if finds_unused:
        placement.append(added.storage(_INT32 * len(layout.trained)))  # `local_used_map_dev_`
        parts |= _cloned(added, shaped, keeps_outputs=keeps_outputs)
    else:
        gradients = [added.num_bytes(storage) for _, storage in step.gradients]
        parts["second_step"] = (*(~storage for storage in first), *map(added.storage, rebuilt_buckets(gradients)))
    parts["placement"] = tuple(placement)
    return added.made(parts, step.gradients)


def first_buckets(layout: Layout, *, finds_unused: bool) -> list[int]:
    """Return the bytes of the buckets that the reducer is made with, the last parameters' first.

    Where it need not look for unused parameters it starts with a single one, and makes new ones in the second step.
    """
    tensors = [(parameter.num_bytes, parameter.element_bytes) for parameter in layout.trained]
    limits = [FIRST_BUCKET_BYTES, BUCKET_BYTES] if finds_unused else [sum(size for size, _ in tensors) + 1]
    return [sum(tensors[index][0] for index in bucket) for bucket in reversed(assigned(tensors, limits))]


def rebuilt_buckets(gradient_bytes: Sequence[int]) -> list[int]:
    """Return the bytes of the buckets that are made before the second step.

    Args:
        gradient_bytes: Of each parameter, in the order in which gradients were ready in the first step.
    """
    tensors = [(size, _INT32) for size in gradient_bytes]
    buckets = assigned(tensors, [FIRST_BUCKET_BYTES, BUCKET_BYTES])
    return [sum(tensors[index][0] for index in bucket) for bucket in buckets]


def broadcast_bytes(layout: Layout) -> list[int]:
    """Return the bytes of the flat copies in which rank 0 sends weights and buffers; one tensor needs no copy.

    Source:
        torch/csrc/distributed/c10d/comm.cpp, `broadcast_coalesced`.
    """
    tensors = [(parameter.num_bytes, parameter.element_bytes) for parameter in layout.parameters] + [*layout.buffers]
    buckets = assigned(tensors, [BROADCAST_BYTES])
    return [sum(tensors[index][0] for index in bucket) if len(bucket) > 1 else 0 for bucket in buckets]


def assigned(tensors: Sequence[Tensor], limits: Sequence[int]) -> list[list[int]]:
    """Put tensors into buckets in their order, those of one dtype together; a bucket is full once it has its limit.

    Source:
        torch/csrc/distributed/c10d/reducer.cpp, `compute_bucket_assignment_by_size`.
    """
    full: list[list[int]] = []
    filling = dict[int, tuple[list[int], int, int]]()  # element bytes -> indices, bytes, number of the limit
    for index, (size, element) in enumerate(tensors):
        indices, total, number = filling.get(element, ([], 0, 0))
        indices, total = [*indices, index], total + size
        if total >= limits[number]:
            full.append(indices)
            indices, total, number = [], 0, min(number + 1, len(limits) - 1)
        filling[element] = indices, total, number
    full += (indices for indices, _, _ in filling.values() if indices)
    return sorted(full)


def _cloned(added: Additions, shaped: ShapedStep, *, keeps_outputs: bool) -> dict[Part, tuple[int, ...]]:
    """Return the forward pass with a clone of the logits at its end, while the logits themselves are still there."""
    step = shaped.step
    forward = step.parts["forward"]
    logits = {event for event in forward if event >= 0 and step.categories[event] == "logits"}
    if not logits:
        return {}
    clone = added.copy_of(max(logits, key=added.num_bytes))
    end = max(position for position, event in enumerate(forward) if event >= 0) + 1
    if keeps_outputs:
        return {
            "forward": (*forward[:end], clone, *forward[end:]),
            "release": (*step.parts.get("release", ()), ~clone),
        }
    return {"forward": (*forward[:end], clone, *forward[end:], ~clone)}
