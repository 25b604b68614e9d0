"""What the caching allocator can reserve on the GPU of a row, where somebody reported it.

It matters to runs that come near it: a refused cudaMalloc makes the allocator give back what it cached.
"""

from recipe_kb.errors import BadInputError
from recipe_kb.store.location import default_root
from recipe_kb.store.names import find_gpu
from recipe_kb.store.store import Store
from recipe_kb.units import MIB

XMEM_TOTAL_BYTES = {"RTX 3060": 12_622_168_064, "RTX 4060": 8_318_222_336, "A100-40G": 42_474_471_424}
"""`total_memory` of the very cards of the X rows: `train info.total_gpu_memory` in their evaluation_result.json.

Source: https://github.com/Stone-ResearchLife/xMem, folder plot/data.
"""

XMEM_CONTEXT_MIB = {"RTX 3060": 107.0, "RTX 4060": 107.0}
"""Held by the driver before the first sample, and so part of no X row.

Source: runs there that ended out of memory on the RTX 4060 stopped at 7816 to 7826 MiB of 7933 MiB.
The RTX 3060 is device 1 beside it; nothing is known of the A100.
"""


def capacity_mib(gpu: str, context_mib: float) -> float | None:
    """Return what the allocator can reserve: the total that torch reports, less the CUDA context.

    Args:
        gpu: Name in the table, such as `RTX 3060`.
        context_mib: Context that the row states; 0 if it states none.

    Returns:
        None if the card is not known; then no limit is simulated.
    """
    if gpu in XMEM_TOTAL_BYTES:
        return XMEM_TOTAL_BYTES[gpu] / MIB - XMEM_CONTEXT_MIB.get(gpu, context_mib)
    store = Store(default_root())
    try:
        found = store.gpu(find_gpu(store, gpu))
    except BadInputError:
        return None
    return found.memory.limit_bytes / MIB - context_mib
