"""The buffers of FSDP group by group: what is gathered, what gradients are summed in, and when each is let go."""

from collections.abc import Iterator, Sequence

from recipe_kb.memory.additions import Additions
from recipe_kb.memory.layout import Layout, Parameter

_FLOAT = 4
GATHER_STREAM, REDUCE_STREAM = 1, 2
"""Streams with blocks of their own: `all_gather_copy_in_stream` and `reduce_scatter_stream`."""


class Groups:
    """Makes the storages of each group as they are needed, and remembers which of them live.

    A storage may be allocated more than once: weights are gathered in the forward pass and again in the backward pass.

    Attributes:
        flats: Shares of summed gradients, one storage for each group, which stay until gradients are set to None.
    """

    def __init__(self, added: Additions, layout: Layout, num_gpus: int, compute_bytes: int) -> None:
        self._added, self._layout = added, layout
        self._num_gpus, self._compute_bytes = num_gpus, compute_bytes
        self._live: dict[int, list[int]] = {}
        self._fetched: dict[int, int] = {}
        self._forward_buffer: int | None = None
        self._summing: int | None = None
        self.flats: list[int] = []

    def has(self, group: int) -> bool:
        """Say whether the network has such a group."""
        return bool(self._layout.of_group(group))

    def gathered_bytes(self, group: int) -> int:
        """Return the bytes of a group's weights as all GPUs' shares are gathered, padding included."""
        shares = (one.shard_elements(self._num_gpus) for one in self._layout.of_group(group))
        return sum(shares) * self._num_gpus * self._compute_bytes

    def gathered_forward(self, group: int) -> Iterator[int]:
        """Gather a group; the buffer of the one before is kept so long.

        Source:
            `FSDPParamGroup.wait_for_unshard`: "we save a reference to the current all-gather result to free after the
            next copy-out".
        """
        if not self.has(group):
            return
        yield from self.prefetched(group)
        if self._forward_buffer is not None:
            yield ~self._forward_buffer
        self._forward_buffer = self._fetched.pop(group)
        yield from self._copied_out(group)

    def forward_ends(self) -> Iterator[int]:
        """Let the last buffer go."""
        if self._forward_buffer is not None:
            yield ~self._forward_buffer
            self._forward_buffer = None

    def prefetched(self, group: int) -> Iterator[int]:
        """Gather a group into one buffer; shares of another precision are cast first.

        Source:
            `foreach_all_gather` and `_get_param_all_gather_inputs`.
        """
        if not self.has(group):
            return
        cast = [one for one in self._layout.of_group(group) if one.element_bytes != self._compute_bytes]
        shares = sum(one.shard_elements(self._num_gpus) for one in cast) * self._compute_bytes
        flat = self._added.storage(shares, stream=GATHER_STREAM)
        self._fetched[group] = self._added.storage(self.gathered_bytes(group), stream=GATHER_STREAM)
        yield from (flat, self._fetched[group], ~flat)

    def taken(self, group: int) -> Iterator[int]:
        """Copy what was gathered to the weights of the backward pass, and let the buffer go."""
        if group in self._fetched:
            yield from self._copied_out(group)
            yield ~self._fetched.pop(group)

    def released(self, group: int) -> Iterator[int]:
        """Let the weights of a group go."""
        yield from (~storage for storage in self._live.get(group, ()))

    def reduced(self, gradients: Sequence[tuple[int, Parameter]]) -> Iterator[int]:
        """Sum the gradients of a group and keep the share of this GPU, in float32.

        Args:
            gradients: (storage, parameter).

        Source:
            `FSDPParamGroup.post_backward` and `foreach_reduce`; one buffer of a group before is kept at a time.
        """
        if self._summing is not None:
            yield ~self._summing
            self._summing = None
        if not gradients:
            return
        shares = sum(parameter.shard_elements(self._num_gpus) for _, parameter in gradients)
        whole, share = shares * self._num_gpus * self._compute_bytes, shares * self._compute_bytes
        self._summing = self._added.storage(whole, on_sync=True)
        yield self._summing
        yield from (~storage for storage, _ in gradients)
        summed = self._added.storage(share, "gradients", stream=REDUCE_STREAM, on_sync=True)
        yield summed
        if self._compute_bytes == _FLOAT:
            self.flats.append(summed)
            return
        self.flats.append(self._added.storage(shares * _FLOAT, "gradients", stream=REDUCE_STREAM, on_sync=True))
        yield from (self.flats[-1], ~summed)

    def backward_ends(self) -> Iterator[int]:
        """Let the last buffers go."""
        if self._summing is not None:
            yield ~self._summing
        self._summing = None
        yield from (~buffer for buffer in self._fetched.values())
        self._fetched = {}

    def _copied_out(self, group: int) -> Iterator[int]:
        if group not in self._live:
            sizes = [one.shard_elements(self._num_gpus) for one in self._layout.of_group(group)]
            whole = self._num_gpus * self._compute_bytes
            self._live[group] = [self._added.storage(size * whole) for size in sizes]
        yield from self._live[group]
