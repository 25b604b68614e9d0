"""Blocks: the parts of a segment that the simulated allocator hands out and takes back."""

from bisect import bisect_left, insort

_MIN_BLOCK_BYTES = 512


class Block:
    """A part of a segment, in use or free.

    Attributes:
        address: Orders the blocks of one allocator; says nothing about a real device.
        size_bytes: A multiple of 512.
        requested_bytes: What the program asked for; 0 while free.
        is_free: Cached for a later request.
        pool: Where it goes when it is freed.
        previous: The block below it in its segment, None for the first.
        next: The block above it in its segment, None for the last.
    """

    __slots__ = ("address", "is_free", "next", "pool", "previous", "requested_bytes", "size_bytes")

    def __init__(
        self, address: int, size_bytes: int, pool: "FreeBlocks", previous: "Block | None", after: "Block | None"
    ) -> None:
        self.address = address
        self.size_bytes = size_bytes
        self.requested_bytes = 0
        self.is_free = True
        self.pool = pool
        self.previous = previous
        self.next = after

    def __repr__(self) -> str:
        return f"Block({self.address:#x}, {self.size_bytes} bytes, {'free' if self.is_free else 'in use'})"


class FreeBlocks:
    """The free blocks of the small or the large pool, by size, then by address.

    PyTorch 2.13 puts the order of the segments between the two; here a later segment always lies higher.
    """

    __slots__ = ("_blocks", "min_rest_bytes")

    def __init__(self, min_rest_bytes: int) -> None:
        """Start empty; what is left of a block is split off if it has at least `min_rest_bytes`."""
        self._blocks: list[tuple[int, int, Block]] = []
        self.min_rest_bytes = min_rest_bytes

    @property
    def is_small(self) -> bool:
        """Whether it keeps the blocks of small requests, which are split down to one block."""
        return self.min_rest_bytes == _MIN_BLOCK_BYTES

    def add(self, block: Block) -> None:
        """Put a block in."""
        insort(self._blocks, (block.size_bytes, block.address, block))

    def remove(self, block: Block) -> None:
        """Take this block out."""
        del self._blocks[bisect_left(self._blocks, (block.size_bytes, block.address))]

    def take_best(self, size_bytes: int) -> Block | None:
        """Take out the smallest block that is large enough, of equal ones the lowest; None if there is none."""
        index = bisect_left(self._blocks, (size_bytes,))
        return self._blocks.pop(index)[2] if index < len(self._blocks) else None
