"""Where in a traced step each layer begins and ends, found from when gradients are complete and tensors let go."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from recipe_kb.memory.additions import Additions
from recipe_kb.memory.layout import EMBEDDINGS, FIRST_LAYER, ROOT, TAIL, Layout, Parameter
from recipe_kb.memory.step import Step


class LayersError(ValueError):
    """The gradients of a step do not come layer by layer, so that nobody can say when a layer is needed."""


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Layers in time.

    Attributes:
        owner: Storage of a gradient to its parameter.
        backward: (begin, end) of each layer in the backward part, by number of the layer.
        forward: Where each layer begins in the forward part, and where the last one ends.
    """

    owner: dict[int, Parameter]
    backward: tuple[tuple[int, int], ...]
    forward: tuple[int, ...]


def find_layers(step: Step, sizes: Additions, layout: Layout) -> Layers:
    """Find the layers of a step.

    Args:
        step: The step of one GPU.
        sizes: Knows how large its storages are.
        layout: The parameters.

    Raises:
        LayersError: The gradients do not come layer by layer.
    """
    gradients = [(position, storage, sizes.num_bytes(storage)) for position, storage in step.gradients]
    owner, ends, cursor = dict[int, Parameter](), dict[int, int](), 0
    left: list[tuple[int, int, bool]] = []
    for number in reversed(range(layout.num_layers)):
        parameters = [one for one in layout.of_group(FIRST_LAYER + number) if one.is_trained]
        begin = _window(gradients, cursor, [one.num_bytes for one in parameters])
        left += ((storage, size, True) for _, storage, size in gradients[cursor:begin])
        cursor = begin + len(parameters)
        _own(owner, [(storage, size) for _, storage, size in gradients[begin:cursor]], parameters)
        ends[number] = gradients[cursor - 1][0]
        if number == layout.num_layers - 1:
            start = max(_last_of_head(step, ends[number]), gradients[begin - 1][0] if begin else 0)
    left += ((storage, size, False) for _, storage, size in gradients[cursor:])
    _own_rest(owner, left, layout)
    backward = tuple((ends.get(number + 1, start), ends[number]) for number in sorted(ends))
    return Layers(owner=owner, backward=backward, forward=_forward(step, backward))


def _window(gradients: Sequence[tuple[int, int, int]], cursor: int, wanted: Sequence[int]) -> int:
    """Return where from a cursor on the next gradients are these, in any order."""
    count = Counter(wanted)
    for begin in range(cursor, len(gradients) - len(wanted) + 1):
        if Counter(size for _, _, size in gradients[begin : begin + len(wanted)]) == count:
            return begin
    raise LayersError("the gradients do not come layer by layer")


def _own(owner: dict[int, Parameter], storages: Sequence[tuple[int, int]], parameters: Sequence[Parameter]) -> None:
    by_size = dict[int, list[Parameter]]()
    for parameter in parameters:
        by_size.setdefault(parameter.num_bytes, []).append(parameter)
    for storage, size in storages:
        owner[storage] = by_size[size].pop()


def _own_rest(owner: dict[int, Parameter], left: Sequence[tuple[int, int, bool]], layout: Layout) -> None:
    """Find the parameters of gradients outside the layers: the head's come first, the embeddings' last."""
    free = [one for one in layout.trained if one.group < FIRST_LAYER]
    for storage, size, is_early in left:
        order = (TAIL, ROOT, EMBEDDINGS) if is_early else (EMBEDDINGS, ROOT, TAIL)
        same = sorted((one for one in free if one.num_bytes == size), key=lambda one: order.index(one.group))
        if not same:
            raise LayersError(f"no parameter has a gradient of {size} bytes")
        free.remove(same[0])
        owner[storage] = same[0]


def _last_of_head(step: Step, before: int) -> int:
    """Return where in the backward part the last logits are let go; behind it the last layer begins."""
    events = step.parts["backward"][:before]
    freed = (position for position, event in enumerate(events) if event < 0 and step.categories[~event] == "logits")
    return max(freed, default=-1) + 1


def _forward(step: Step, backward: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Return where layers begin in the forward part: with the first tensor that their backward pass lets go.

    The first layer also lets go what all layers share, so it is taken to be as long as the next.
    """
    allocated = {event: position for position, event in enumerate(step.parts["forward"]) if event >= 0}
    events, begins = step.parts["backward"], list[int]()
    for begin, end in backward:
        freed = (allocated[~event] for event in events[begin:end] if event < 0 and ~event in allocated)
        begins.append(max([min(freed, default=0), *begins[-1:]]))
    if len(begins) > 2:  # noqa: PLR2004 - the length of a layer takes two beginnings behind the first
        begins[0] = max(0, 2 * begins[1] - begins[2])
    last = begins[-1] + (begins[-1] - begins[-2] if len(begins) > 1 else 0)
    return (*begins, min(last, len(step.parts["forward"])))
