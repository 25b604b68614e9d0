"""PyTorch's CUDA caching allocator with default settings, simulated.

It sees only sizes and their order, so the allocations and frees of a run give the bytes that a GPU would report.
Left out, because nothing of it is on by default: expandable segments, `max_split_size_mb`, garbage collection,
power-of-two rounding; CUDA graphs, the program's own memory pools.

Source:
    https://github.com/pytorch/pytorch/blob/v2.13.0/c10/cuda/CUDACachingAllocator.cpp
    https://github.com/pytorch/pytorch/blob/v2.13.0/c10/core/AllocatorConfig.h
"""

# A step is some 20,000 events and is replayed many times: `allocate` and `free` mend the links of blocks in place.

from recipe_kb.memory.block import Block, FreeBlocks
from recipe_kb.units import MIB

__all__ = ["Block", "CachingAllocator", "CudaOutOfMemory", "TraceError", "round_size", "segment_size"]

MIN_BLOCK_BYTES = 512
"""`kMinBlockSize`: every block is a multiple of it."""
SMALL_BYTES = MIB
"""`kSmallSize`: the largest request that the small pool serves."""
SMALL_SEGMENT_BYTES = 2 * MIB
"""`kSmallBuffer`: a segment of the small pool."""
LARGE_SEGMENT_BYTES = 20 * MIB
"""`large_segment_size`: a segment for requests below `MIN_OWN_SEGMENT_BYTES`."""
MIN_OWN_SEGMENT_BYTES = 10 * MIB
"""`kMinLargeAlloc`: from here on a segment is only as large as the request."""
ROUND_LARGE_BYTES = 2 * MIB
"""`kRoundLarge`: such a segment is a multiple of it."""


class TraceError(ValueError):
    """The events cannot have happened: a block is freed twice, or a size is negative."""


class CudaOutOfMemory(Exception):  # noqa: N818 - the field's own word, as in torch.cuda.OutOfMemoryError
    """A segment does not fit, even after every cached segment was given back.

    Attributes:
        num_bytes: What the program asked for.
        reserved_bytes: What is still reserved.
    """

    def __init__(self, num_bytes: int, reserved_bytes: int) -> None:
        super().__init__(num_bytes, reserved_bytes)
        self.num_bytes = num_bytes
        self.reserved_bytes = reserved_bytes

    def __str__(self) -> str:
        return f"no room for {self.num_bytes} bytes beside {self.reserved_bytes} reserved ones"


def round_size(num_bytes: int) -> int:
    """Return the bytes of the block that serves a request: `round_size` there."""
    return (num_bytes + MIN_BLOCK_BYTES - 1) // MIN_BLOCK_BYTES * MIN_BLOCK_BYTES or MIN_BLOCK_BYTES


def segment_size(rounded: int) -> int:
    """Return the bytes reserved for a rounded request that no free block serves: `get_allocation_size` there."""
    if rounded <= SMALL_BYTES:
        return SMALL_SEGMENT_BYTES
    if rounded < MIN_OWN_SEGMENT_BYTES:
        return LARGE_SEGMENT_BYTES
    return -(-rounded // ROUND_LARGE_BYTES) * ROUND_LARGE_BYTES


class CachingAllocator:
    """What one process reserves on one GPU, event by event.

    As on the device, a block is known by where it lies: a second free is noticed unless the memory is in use again.

    Attributes:
        allocated_bytes: Sum of the blocks in use, `torch.cuda.memory_allocated`.
        reserved_bytes: Sum of the segments, `torch.cuda.memory_reserved`.
        peak_allocated_bytes: Most that was ever allocated.
        peak_reserved_bytes: Most that was ever reserved.
        num_alloc_retries: How often the limit was hit and all cached segments were given back.
    """

    def __init__(self, limit_bytes: int | None = None) -> None:
        """Start with nothing reserved.

        Args:
            limit_bytes: What the process may reserve, be it the memory of the GPU without its context or
                `torch.cuda.set_per_process_memory_fraction`; None for no limit.
        """
        self.allocated_bytes = 0
        self.reserved_bytes = 0
        self.peak_allocated_bytes = 0
        self.peak_reserved_bytes = 0
        self.num_alloc_retries = 0
        self._limit_bytes = limit_bytes
        self._small = FreeBlocks(min_rest_bytes=MIN_BLOCK_BYTES)
        self._large = FreeBlocks(min_rest_bytes=SMALL_BYTES + MIN_BLOCK_BYTES)  # `remaining > kSmallSize`
        self._pools = {0: (self._small, self._large)}  # a block serves only the stream it was made for
        self._heads: list[Block] = []  # the first block of each segment; it stays the same object all its life
        self._end_address = 0

    def allocate(self, num_bytes: int, stream: int = 0) -> Block | None:
        """Return a block of at least `num_bytes`, or None for 0 bytes, which take no memory.

        Args:
            num_bytes: As asked for.
            stream: The CUDA stream; 0 is the default one.

        Raises:
            CudaOutOfMemory: the limit leaves no room, even after the cached segments were given back.
            TraceError: `num_bytes` is negative.
        """
        if num_bytes <= 0:
            if num_bytes == 0:
                return None
            raise TraceError(f"an allocation of {num_bytes} bytes")
        size = round_size(num_bytes)
        small, large = (self._small, self._large) if stream == 0 else self._pools_of(stream)
        pool = small if size <= SMALL_BYTES else large
        block = pool.take_best(size)
        if block is None:
            block = self._new_segment(size, pool)
            if block is None:
                raise CudaOutOfMemory(num_bytes, self.reserved_bytes)
        rest = block.size_bytes - size
        if rest >= pool.min_rest_bytes:
            after = block.next
            block.next = right = Block(block.address + size, rest, pool, block, after)
            if after is not None:
                after.previous = right
            block.size_bytes = size
            pool.add(right)
        block.is_free = False
        block.requested_bytes = num_bytes
        self.allocated_bytes = allocated = self.allocated_bytes + block.size_bytes
        if allocated > self.peak_allocated_bytes:  # noqa: PLR1730 - `max` is a call, and this is every allocation
            self.peak_allocated_bytes = allocated
        return block

    def free(self, block: Block | None) -> None:
        """Give a block back to its pool, joined with free neighbours; None, a block of 0 bytes, is ignored.

        Raises:
            TraceError: the block is free already.
        """
        if block is None:
            return
        if block.is_free:
            raise TraceError(f"{block} is freed twice")
        self.allocated_bytes -= block.size_bytes
        block.is_free = True
        block.requested_bytes = 0
        pool = block.pool
        after = block.next
        if after is not None and after.is_free:
            pool.remove(after)
            block.size_bytes += after.size_bytes
            block.next = after = after.next
            if after is not None:
                after.previous = block
        previous = block.previous
        if previous is not None and previous.is_free:
            pool.remove(previous)
            previous.size_bytes += block.size_bytes
            previous.next = after
            if after is not None:
                after.previous = previous
            block = previous
        pool.add(block)

    def release_cached(self) -> None:
        """Give segments without a block in use back to the driver, as `torch.cuda.empty_cache` does."""
        kept = []
        for head in self._heads:
            if head.is_free and head.next is None:
                head.pool.remove(head)
                self.reserved_bytes -= head.size_bytes
            else:
                kept.append(head)
        self._heads = kept

    @property
    def small_reserved_bytes(self) -> int:
        """Sum of the segments that serve small requests."""
        return SMALL_SEGMENT_BYTES * sum(head.pool.is_small for head in self._heads)

    def segments(self) -> list[list[Block]]:
        """Return the blocks of each segment, in use and free, by address."""
        segments = []
        for head in self._heads:
            blocks = [head]
            while (block := blocks[-1].next) is not None:
                blocks.append(block)
            segments.append(blocks)
        return segments

    def _pools_of(self, stream: int) -> tuple[FreeBlocks, FreeBlocks]:
        if stream not in self._pools:
            pools = FreeBlocks(self._small.min_rest_bytes), FreeBlocks(self._large.min_rest_bytes)
            self._pools[stream] = pools
        return self._pools[stream]

    def _new_segment(self, size: int, pool: FreeBlocks) -> Block | None:
        """Reserve a segment for a rounded request; None if it does not fit into the limit even after a retry."""
        num_bytes = segment_size(size)
        if not self._fits(num_bytes):
            self.num_alloc_retries += 1
            self.release_cached()
            if not self._fits(num_bytes):
                return None
        self.reserved_bytes += num_bytes
        self.peak_reserved_bytes = max(self.peak_reserved_bytes, self.reserved_bytes)
        head = Block(self._end_address, num_bytes, pool, None, None)
        self._end_address += num_bytes + SMALL_SEGMENT_BYTES  # any gap: no two segments touch
        self._heads.append(head)
        return head

    def _fits(self, num_bytes: int) -> bool:
        return self._limit_bytes is None or self.reserved_bytes + num_bytes <= self._limit_bytes
