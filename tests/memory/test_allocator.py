"""The simulated allocator on short sequences, worked out by hand from the rules of PyTorch 2.13."""

import pickle

import pytest

from recipe_kb.memory.allocator import CachingAllocator, CudaOutOfMemory, TraceError, round_size, segment_size
from recipe_kb.units import MIB

KIB = 1024


def layout(allocator):
    """Return each segment as a list of sizes by address; a block in use is negative."""
    return [
        [block.size_bytes if block.is_free else -block.size_bytes for block in segment]
        for segment in allocator.segments()
    ]


def allocate_all(allocator, *sizes):
    return [allocator.allocate(size) for size in sizes]


@pytest.mark.parametrize(
    ("requested", "rounded"),
    [(0, 512), (1, 512), (512, 512), (513, 1024), (MIB - 1, MIB), (MIB, MIB), (MIB + 1, MIB + 512)],
)
def test_sizes_are_multiples_of_512(requested, rounded):
    assert round_size(requested) == rounded


@pytest.mark.parametrize(
    ("rounded", "mebibytes"),
    [(MIB, 2), (MIB + 512, 20), (10 * MIB - 512, 20), (10 * MIB, 10), (10 * MIB + 1, 12), (21 * MIB, 22)],
)
def test_the_size_of_a_segment(rounded, mebibytes):
    assert segment_size(rounded) == mebibytes * MIB


def test_small_requests_share_two_mebibytes():
    allocator = CachingAllocator()
    allocate_all(allocator, 700 * KIB, 700 * KIB)  # 2048 - 2 x 700 = 648 KiB are left, too few for the third
    assert layout(allocator) == [[-700 * KIB, -700 * KIB, 648 * KIB]]
    allocator.allocate(700 * KIB)
    assert layout(allocator) == [[-700 * KIB, -700 * KIB, 648 * KIB], [-700 * KIB, 1348 * KIB]]
    assert (allocator.allocated_bytes, allocator.reserved_bytes) == (2100 * KIB, 4 * MIB)


def test_requests_below_ten_mebibytes_share_twenty():
    allocator = CachingAllocator()
    allocate_all(allocator, 8 * MIB, 8 * MIB, 4 * MIB)  # 8 + 8 + 4 = 20
    assert layout(allocator) == [[-8 * MIB, -8 * MIB, -4 * MIB]]
    allocator.allocate(MIB + 1)  # rounded to 1 MiB + 512 bytes, so it is a large one
    assert layout(allocator)[1] == [-(MIB + 512), 19 * MIB - 512]


def test_from_ten_mebibytes_on_a_segment_is_rounded_to_two():
    allocator = CachingAllocator()
    block = allocator.allocate(10 * MIB + 1)
    # 10 MiB + 1 -> a block of 10 MiB + 512 in 12 MiB; of it 2 MiB - 512 are left, more than 1 MiB
    assert layout(allocator) == [[-(10 * MIB + 512), 2 * MIB - 512]]
    assert (block.requested_bytes, block.size_bytes) == (10 * MIB + 1, 10 * MIB + 512)


@pytest.mark.parametrize(
    ("requested", "segment"),
    [
        (19 * MIB, [-20 * MIB]),  # 20 - 19 = exactly 1 MiB is left: not split off
        (19 * MIB - 512, [-(19 * MIB - 512), MIB + 512]),  # 512 bytes more than 1 MiB: split off
    ],
)
def test_a_large_block_keeps_a_rest_of_up_to_one_mebibyte(requested, segment):
    allocator = CachingAllocator()
    allocator.allocate(requested)
    assert layout(allocator) == [segment]
    assert allocator.allocated_bytes == -segment[0]  # what is not split off counts as allocated


def test_a_small_block_keeps_nothing():
    allocator = CachingAllocator()
    allocate_all(allocator, MIB, MIB - 512)
    assert layout(allocator) == [[-MIB, -(MIB - 512), 512]]  # 2 MiB - 1 MiB - (1 MiB - 512) = 512
    allocator.allocate(1)
    assert layout(allocator) == [[-MIB, -(MIB - 512), -512]]


def test_the_pools_do_not_help_each_other():
    allocator = CachingAllocator()
    small, large = allocate_all(allocator, MIB, 2 * MIB)
    allocator.free(small)
    allocator.free(large)
    allocate_all(allocator, MIB, MIB, MIB)  # two fill 2 MiB; the third takes new memory, with 20 MiB cached
    assert layout(allocator) == [[-MIB, -MIB], [20 * MIB], [-MIB, MIB]]


def test_the_smallest_block_that_fits_is_taken_even_if_it_lies_higher():
    allocator = CachingAllocator()
    blocks = allocate_all(allocator, 64 * MIB, 32 * MIB, 48 * MIB)
    for block in blocks:
        allocator.free(block)
    allocator.allocate(31 * MIB)  # 32 - 31 = 1 MiB is not split off
    assert layout(allocator) == [[64 * MIB], [-32 * MIB], [48 * MIB]]
    allocator.allocate(31 * MIB)  # 48 is now the smallest; 48 - 31 = 17
    assert layout(allocator) == [[64 * MIB], [-32 * MIB], [-31 * MIB, 17 * MIB]]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_equal_blocks_the_lowest_is_taken(order):
    allocator = CachingAllocator()
    blocks = allocate_all(allocator, 32 * MIB, 32 * MIB, 32 * MIB)
    for index in order:
        allocator.free(blocks[index])
    addresses = [block.address for block in allocate_all(allocator, 32 * MIB, 32 * MIB, 32 * MIB)]
    assert addresses == sorted(addresses)
    assert len(layout(allocator)) == 3


@pytest.mark.parametrize(
    ("freed", "segment"),
    [
        ("b", [-512, 1024, -1536, -2048]),
        ("ab", [1536, -1536, -2048]),  # left: 512 + 1024
        ("cb", [-512, 2560, -2048]),  # right: 1024 + 1536
        ("acb", [3072, -2048]),  # both: 512 + 1024 + 1536
    ],
)
def test_free_neighbours_merge(freed, segment):
    allocator = CachingAllocator()
    blocks = dict(zip("abcd", allocate_all(allocator, 512, 1024, 1536, 2048), strict=True))
    for name in freed:
        allocator.free(blocks[name])
    assert layout(allocator) == [[*segment, 2 * MIB - 5120]]  # 512 + 1024 + 1536 + 2048 = 5120


def test_at_the_limit_whole_free_segments_are_given_back():
    allocator = CachingAllocator(limit_bytes=42 * MIB)
    whole, part, _ = allocate_all(allocator, 20 * MIB, 8 * MIB, 8 * MIB)  # reserves 20 + 20
    allocator.free(whole)
    allocator.free(part)
    assert layout(allocator) == [[20 * MIB], [8 * MIB, -8 * MIB, 4 * MIB]]
    allocator.allocate(22 * MIB)  # 40 + 22 > 42; the first segment goes, the second is in use: 20 + 22 = 42
    assert layout(allocator) == [[8 * MIB, -8 * MIB, 4 * MIB], [-22 * MIB]]
    assert allocator.reserved_bytes == allocator.peak_reserved_bytes == 42 * MIB
    assert allocator.num_alloc_retries == 1


def test_a_retry_gives_back_both_pools_and_more_than_it_needs():
    allocator = CachingAllocator(limit_bytes=64 * MIB)
    for block in allocate_all(allocator, 512, 20 * MIB, 40 * MIB):  # reserves 2 + 20 + 40 = 62
        allocator.free(block)
    allocator.allocate(MIB + 512)  # fits into the cached 20
    assert allocator.num_alloc_retries == 0
    allocator.allocate(42 * MIB)  # 62 + 42 > 64; 2 and 40 go: 20 + 42 = 62
    assert layout(allocator) == [[-(MIB + 512), 19 * MIB - 512], [-42 * MIB]]
    assert allocator.num_alloc_retries == 1


def test_out_of_memory():
    allocator = CachingAllocator(limit_bytes=24 * MIB)
    cached, kept = allocate_all(allocator, 4 * MIB, 512)  # reserves 20 + 2
    allocator.free(cached)
    with pytest.raises(CudaOutOfMemory, match=r"^no room for 23068673 bytes beside 2097152 reserved ones$") as caught:
        allocator.allocate(22 * MIB + 1)  # needs 24: 22 + 24 > 24; without the cached 20 still 2 + 24 > 24
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes, as a pool of processes sends them
    assert (error.num_bytes, error.reserved_bytes) == (22 * MIB + 1, 2 * MIB)
    assert allocator.num_alloc_retries == 1
    assert layout(allocator) == [[-512, 2 * MIB - 512]]  # the cache is gone all the same
    assert allocator.allocate(22 * MIB) is not None  # 2 + 22 = 24, and life goes on
    allocator.free(kept)
    assert allocator.peak_reserved_bytes == 24 * MIB


def test_zero_bytes_are_no_block():
    allocator = CachingAllocator(limit_bytes=0)
    assert allocator.allocate(0) is None
    allocator.free(None)
    with pytest.raises(CudaOutOfMemory):
        allocator.allocate(1)
    assert layout(allocator) == []


def test_impossible_events_are_named():
    allocator = CachingAllocator()
    left, right = allocate_all(allocator, 512, 512)
    allocator.free(left)
    allocator.free(right)  # merged into its neighbour, so this object is no block any more
    for block in (left, right):
        with pytest.raises(TraceError, match="freed twice"):
            allocator.free(block)
    allocator.release_cached()
    with pytest.raises(TraceError, match="freed twice"):
        allocator.free(left)
    with pytest.raises(TraceError, match="-1 bytes"):
        allocator.allocate(-1)
    assert (allocator.allocated_bytes, allocator.reserved_bytes) == (0, 0)


def test_releasing_the_cache_leaves_what_is_in_use():
    allocator = CachingAllocator()
    whole, part, _ = allocate_all(allocator, 32 * MIB, 512, 512)
    allocator.free(whole)
    allocator.free(part)
    allocator.release_cached()
    assert layout(allocator) == [[512, -512, 2 * MIB - 1024]]
    assert (allocator.allocated_bytes, allocator.reserved_bytes) == (512, 2 * MIB)
    assert (allocator.peak_allocated_bytes, allocator.peak_reserved_bytes) == (32 * MIB + 1024, 34 * MIB)
    assert allocator.num_alloc_retries == 0
