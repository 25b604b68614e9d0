"""Playing another card on this one, in the child, before the network is built: its memory, its kernels.

Source:
    c10/cuda/CUDACachingAllocator.cpp, PyTorch 2.11 to 2.13: `setMemoryFraction` keeps the fraction of
    `totalGlobalMem`, rounded down to bytes; `alloc_block` refuses a segment that would take the sum of all segments
    beyond that, and a refused one counts as a retry, as with a full card.
"""

import math
import os

import torch
from transformers.utils.import_utils import enable_tf32

from recipe_kb.probe.environ import local_rank
from recipe_kb.probe.plan import Device
from recipe_kb.resolve.emulation import CUDNN_ATTENTION, cublas_environ
from recipe_kb.schema import reasons
from recipe_kb.schema.evidence import Emulation
from recipe_kb.schema.recipe import Settings
from recipe_kb.training.unsupported import UnsupportedError
from recipe_kb.units import GIB

_AMPERE = 8
"""Major compute capability from which a card has bf16, TF32 and flash attention."""


def play(emulation: Emulation, settings: Settings, device: Device) -> None:
    """Hold this process to a card; nothing may have been computed on the GPU before.

    Args:
        emulation: The card, and the cap.
        settings: What will be trained; what the card cannot do is refused as the card would.
        device: Where.

    Raises:
        UnsupportedError: There is no GPU, it is no larger than the card or lacks what the card has, others leave too
            little of it free, or the card cannot train with these settings.
    """
    if device != "cuda":
        raise UnsupportedError(reasons.NO_CUDA)
    refuse_settings(emulation, settings)
    index = local_rank()
    properties = torch.cuda.get_device_properties(index)
    refuse_device(emulation, properties.total_memory, (properties.major, properties.minor))
    free_bytes, _ = torch.cuda.mem_get_info(index)
    if free_bytes < emulation.capped_bytes:
        free, needed = (f"{size / GIB:.2f}" for size in (free_bytes, emulation.capped_bytes))
        raise UnsupportedError(reasons.NOT_FREE.format(free=free, needed=needed, gpu=emulation.gpu))
    os.environ.update(cublas_environ(emulation))  # torch reads it at the first product
    torch.cuda.set_per_process_memory_fraction(fraction_of(emulation.capped_bytes, properties.total_memory), index)
    switch_off(emulation.switched_off)


def refuse_settings(emulation: Emulation, settings: Settings) -> None:
    """Refuse what the card could not train.

    Raises:
        UnsupportedError: The precision, TF32 or the attention kernel is not there on the card.
    """
    wanted = {
        "bf16": settings.precision == "bf16",
        "tf32": settings.tf32,
        "flash_attention_2": settings.attn_implementation == "flash_attention_2",
    }
    lacking = [name for name, asked in wanted.items() if asked and name in emulation.switched_off]
    if lacking:
        raise UnsupportedError(reasons.CARD_LACKS.format(gpu=emulation.gpu, names=", ".join(lacking)))


def refuse_device(emulation: Emulation, total_bytes: int, capability: tuple[int, int]) -> None:
    """Refuse a device that cannot play the card.

    Args:
        emulation: The card. At the prediction it may be this very one: only the cap has to be smaller.
        total_bytes: Memory of this device.
        capability: Its compute capability, major and minor.

    Raises:
        UnsupportedError: It is no larger, or lacks what the card has.
    """
    needed_bytes = emulation.total_bytes if emulation.capped_at == "card" else emulation.capped_bytes
    if total_bytes <= needed_bytes:
        here, needed = (f"{size / GIB:.2f}" for size in (total_bytes, needed_bytes))
        raise UnsupportedError(reasons.NOT_LARGER.format(here=here, needed=needed, gpu=emulation.gpu))
    modern = capability[0] >= _AMPERE
    has = {
        "bf16": modern,
        "tf32": modern,
        "flash": modern,
        "cudnn": "{}.{}".format(*capability) in CUDNN_ATTENTION,
    }
    lacking = [name for name, there in has.items() if not there and name not in emulation.switched_off]
    if lacking:
        raise UnsupportedError(reasons.HERE_LACKS.format(gpu=emulation.gpu, names=", ".join(lacking)))


def switch_off(names: tuple[str, ...]) -> None:
    """Keep torch from what the card lacks. bf16 needs nothing: settings that ask for it are refused."""
    if "tf32" in names:
        enable_tf32(False)
    if "flash" in names:
        torch.backends.cuda.enable_flash_sdp(False)
    if "cudnn" in names:
        torch.backends.cuda.enable_cudnn_sdp(False)


def fraction_of(capped_bytes: int, total_bytes: int) -> float:
    """Return the fraction of a device that torch rounds down to this many bytes, and to none fewer.

    A predicted peak is a sum of whole segments; one byte less would refuse the last.
    """
    fraction = capped_bytes / total_bytes
    while int(fraction * total_bytes) < capped_bytes:
        fraction = math.nextafter(fraction, 1.0)
    return fraction
