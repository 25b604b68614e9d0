"""What fully sharded data parallel allocates: each GPU keeps a share, and gathers one layer at a time.

The step of one GPU is rewritten: shares instead of weights, gradients and optimizer state; before each layer its
weights are gathered, and the next one's while it runs backward; behind it its gradients are summed and dealt out.
Shares are those of rank 0, which are the largest.

Source:
    torch/distributed/fsdp/_fully_shard/_fsdp_param_group.py and _fsdp_collectives.py, PyTorch 2.13;
    accelerate/utils/fsdp_utils.py, `fsdp2_prepare_model`, accelerate 1.15.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from recipe_kb.memory.additions import Additions
from recipe_kb.memory.fsdp_groups import Groups
from recipe_kb.memory.layers import Layers, find_layers
from recipe_kb.memory.layout import EMBEDDINGS, FIRST_LAYER, ROOT, TAIL, Layout
from recipe_kb.memory.shape import ShapedStep
from recipe_kb.memory.step import UPDATES, Part, Step

_FLOAT = 4
_SOON = 4
"""So many events behind a gradient of float32 the half-precision one that it was made from is let go."""


def with_fsdp(shaped: ShapedStep, layout: Layout, *, num_gpus: int, compute_bytes: int) -> ShapedStep:
    """Return a step as one of several GPUs runs it under FSDP2, each transformer layer wrapped.

    Args:
        shaped: The step of one GPU.
        layout: The parameters.
        num_gpus: Among how many they are shared out.
        compute_bytes: Of one element in the precision of the computation, in which weights are gathered and gradients
            summed: accelerate sets `param_dtype` and `reduce_dtype` to it.

    Raises:
        LayersError: The gradients do not come layer by layer.
    """
    added, step = Additions(shaped), shaped.step
    layers = find_layers(step, added, layout)
    _in_compute_precision(added, step, layers, compute_bytes)
    groups = Groups(added, layout, num_gpus, compute_bytes)
    forward = tuple(_forward(step.parts["forward"], layers.forward, groups))
    backward, moved = _backward(step, layers, groups)
    parts: dict[Part, tuple[int, ...]] = {
        **step.parts,
        "placement": tuple(_placement(added, layout, num_gpus)),
        "forward": forward,
        "backward": backward,
    }
    if "evaluation" in step.parts:
        share = len(step.parts["evaluation"]) / len(step.parts["forward"])
        begins = [round(begin * share) for begin in layers.forward]
        evaluation = _forward(step.parts["evaluation"], begins, groups)
        parts["evaluation"] = (*evaluation, *groups.released(ROOT), *groups.released(TAIL))
    gone = set(layers.owner)
    rest = (event for event in step.parts.get("zero_grad", ()) if event >= 0 or ~event not in gone)
    parts["zero_grad"] = (*rest, *(~flat for flat in groups.flats))
    _share_updates(added, step, layout, num_gpus)
    return added.made(parts, tuple((moved[position], storage) for position, storage in step.gradients))


def with_fsdp_update(update: Step, layout: Layout, num_gpus: int) -> Step:
    """Return the optimizer of another trace for shares of the parameters."""
    from recipe_kb.memory.shape import constant

    shaped = constant(update)
    added = Additions(shaped)
    _share_updates(added, shaped.step, layout, num_gpus)
    return added.made(shaped.step.parts, ()).at(1, 1)


def _in_compute_precision(added: Additions, step: Step, layers: Layers, compute_bytes: int) -> None:
    """Make gradients as small as the gathered weights; these need no copies of autocast."""
    events = step.parts["backward"]
    at = {event: position for position, event in enumerate(events) if event >= 0}
    for storage, parameter in layers.owner.items():
        half = added.num_bytes(storage) // 2
        added.resize(storage, parameter.num_elements * compute_bytes)
        if compute_bytes == _FLOAT:
            continue
        soon = (~event for event in events[at[storage] + 1 : at[storage] + 1 + _SOON] if event < 0)
        source = next((one for one in soon if one not in layers.owner and added.num_bytes(one) == half), None)
        if source is not None:
            added.resize(source, 0)
    if compute_bytes < _FLOAT:
        for storage, category in enumerate(step.categories):
            if category == "autocast":
                added.resize(storage, 0)


def _placement(added: Additions, layout: Layout, num_gpus: int) -> Iterable[int]:
    """Move group by group to the GPU, each whole until its shares are cut out of it."""
    for size, _ in layout.buffers:
        yield added.storage(size, "weights")
    for group in layout.groups():
        whole = [(one, added.storage(one.num_bytes)) for one in layout.of_group(group)]
        yield from (storage for _, storage in whole)
        for one, _ in whole:
            yield added.storage(one.shard_elements(num_gpus) * one.element_bytes, "weights")
        yield from (~storage for _, storage in whole)


def _forward(events: Sequence[int], begins: Sequence[int], groups: Groups) -> Iterable[int]:
    """Gather each group before its turn; what is not needed at once again is let go behind it."""
    tied = not groups.has(EMBEDDINGS)
    yield from groups.gathered_forward(ROOT)
    yield from groups.gathered_forward(TAIL if tied else EMBEDDINGS)
    yield from events[: begins[0]]
    yield from groups.released(EMBEDDINGS)
    for number, (begin, end) in enumerate(pairwise(begins)):
        yield from groups.gathered_forward(FIRST_LAYER + number)
        yield from events[begin:end]
        yield from groups.released(FIRST_LAYER + number)
    if not tied:
        yield from groups.gathered_forward(TAIL)
    yield from events[begins[-1] :]
    yield from groups.forward_ends()


def _backward(step: Step, layers: Layers, groups: Groups) -> tuple[tuple[int, ...], Mapping[int, int]]:
    """Gather and prefetch backward, and sum gradients behind each group.

    Returns:
        The events, and where each position of the old events is among them.
    """
    tied, events = not groups.has(EMBEDDINGS), step.parts["backward"]
    by_group: dict[int, list[int]] = {}
    for _, storage in step.gradients:
        by_group.setdefault(layers.owner[storage].group, []).append(storage)

    def behind(group: int) -> Iterable[int]:
        storages = by_group.get(group, [])
        yield from groups.released(group)
        yield from groups.reduced([(storage, layers.owner[storage]) for storage in storages])

    inserted: dict[int, list[int]] = {0: [*groups.prefetched(FIRST_LAYER + len(layers.backward) - 1)]}
    for number, (begin, end) in reversed([*enumerate(layers.backward)]):
        before = inserted.setdefault(begin, [])
        if number == len(layers.backward) - 1 and not tied:
            before += behind(TAIL)
        before += groups.taken(FIRST_LAYER + number)
        before += groups.prefetched(FIRST_LAYER + number - 1 if number else EMBEDDINGS)
        inserted.setdefault(end, []).extend(behind(FIRST_LAYER + number))
    if EMBEDDINGS in by_group:
        inserted[layers.backward[0][1]] += groups.taken(EMBEDDINGS)
    last = [*behind(ROOT), *behind(TAIL if tied else EMBEDDINGS), *groups.backward_ends()]
    inserted.setdefault(len(events), []).extend(last)
    written, moved = list[int](), dict[int, int]()
    for position, event in enumerate((*events, None)):
        moved[position] = len(written)
        written += inserted.get(position, ())
        if event is not None:
            written.append(event)
    return tuple(written), moved


def _share_updates(added: Additions, step: Step, layout: Layout, num_gpus: int) -> None:
    """Shrink what the optimizer keeps for each parameter, and copies it, to the share of rank 0."""
    shares = dict[int, int]()
    for one in layout.trained:
        share = one.shard_elements(num_gpus) * one.element_bytes
        shares[one.num_bytes] = max(share, shares.get(one.num_bytes, 0))
    for part in UPDATES:
        for event in step.parts.get(part, ()):
            if event >= 0 and added.num_bytes(event) in shares:
                added.resize(event, shares[added.num_bytes(event)])
