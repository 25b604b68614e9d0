"""What a larger card needs to play a smaller one: how much memory it leaves, and what it must not use.

The numbers are those that memory is predicted with, so a run that is played tests the prediction too.
"""

from typing import Literal

from recipe_kb.memory.gpu import best_sdpa_kernel, device_of
from recipe_kb.resolve.memory import context_on, total_bytes
from recipe_kb.schema.evidence import Deviation, Emulation
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.names import BARE_MEMORY
from recipe_kb.store.store import Store

CUDNN_ATTENTION = frozenset({"9.0", "10.0", "10.3"})
"""Compute capabilities on which torch takes cuDNN's attention before its own flash kernel. On others cuDNN comes after
kernels that are always there (sdp_utils.cpp, `check_prefer_cudnn_attention` and `priority_order`; torch 2.13)."""

WHY_CARD = "emulated-card"
WHY_KERNELS = "kernels-of-another-card"
WHY_MEMORY = "memory-capped-at-prediction"

_LARGE_KIB = 4096
_SMALL_KIB = 16
_KIB = 1024


def emulation_of(
    store: Store,
    gpu_id: str,
    *,
    capped_at: Literal["card", "prediction"] = "card",
    predicted_reserved_bytes: int | None = None,
) -> Emulation:
    """Describe how a card is played.

    Args:
        store: Facts of the card and of CUDA.
        gpu_id: The card, or `vram-8gb` for one that is known by its size alone. That one counts as it does when memory
            is predicted, without what some cards of its size lack.
        capped_at: `card` for what the card would leave, `prediction` for no more than was predicted.
        predicted_reserved_bytes: The predicted peak, where that is the cap.

    Raises:
        BadInputError: There is no such card, or a file of it cannot be read.
    """
    gpu = None if BARE_MEMORY.fullmatch(gpu_id) else store.gpu(gpu_id)
    card = RecipeKey(gpu=gpu_id, model="any", tasks=(1, 1), max_length=1)  # only its GPU is looked at
    total, context = total_bytes(store, card, gpu), context_on(store, card, gpu)
    capped = total - context.high_bytes
    if capped_at == "prediction":
        assert predicted_reserved_bytes is not None  # noqa: S101 - our own mistake
        capped = predicted_reserved_bytes
    return Emulation(
        gpu=gpu_id,
        total_bytes=total,
        context_bytes=context.high_bytes,
        capped_bytes=capped,
        capped_at=capped_at,
        switched_off=switched_off(gpu),
        workspace_bytes=device_of(gpu, store.cuda()).workspace_bytes,
    )


def switched_off(gpu: Gpu | None) -> tuple[str, ...]:
    """Name what a card lacks, or torch does not take there.

    Args:
        gpu: None for a card known by its size alone.
    """
    has = {
        "bf16": gpu is not None and gpu.supports.bf16,
        "tf32": gpu is not None and gpu.supports.tf32,
        "flash": best_sdpa_kernel(gpu) == "flash",
        "flash_attention_2": gpu is not None and gpu.supports.flash_attention_2,
        "cudnn": gpu is not None and gpu.compute_capability in CUDNN_ATTENTION,
    }
    return tuple(name for name, there in has.items() if not there)


def cublas_environ(emulation: Emulation) -> dict[str, str]:
    """Return the environment that gives cuBLAS a workspace as large as on the card that is played.

    torch adds up `:SIZE:COUNT` pairs, sizes in KiB, and otherwise goes by the card that it runs on. cuBLASLt shares
    the buffer, or has one that is the same on every card.

    Source:
        aten/src/ATen/cuda/CublasHandlePool.cpp, `parseChosenWorkspaceSize`, PyTorch 2.13.
    """
    if emulation.workspace_bytes is None:
        return {}
    large, rest = divmod(emulation.workspace_bytes, _LARGE_KIB * _KIB)
    small, odd = divmod(rest, _SMALL_KIB * _KIB)
    assert not odd, "a workspace of an odd size"  # noqa: S101 - kb/cuda.yaml holds sizes that torch writes so itself
    pairs = ((_LARGE_KIB, large), (_SMALL_KIB, small))
    return {"CUBLAS_WORKSPACE_CONFIG": "".join(f":{size}:{count}" for size, count in pairs if count)}


def emulation_deviations(
    emulation: Emulation, gpu_name: str | None, compute_capability: str | None
) -> tuple[Deviation, ...]:
    """Say what of the card is only played: the device, its kernels and with them its speed, perhaps its memory.

    Args:
        emulation: The card.
        gpu_name: The device that played it.
        compute_capability: Of that device; its kernels are used, but for those that are switched off.
    """
    found = [
        Deviation(setting="gpu", recipe=emulation.gpu, probe=gpu_name, why=WHY_CARD),
        Deviation(setting="kernels", recipe=emulation.gpu, probe=compute_capability, why=WHY_KERNELS),
    ]
    if emulation.capped_at == "prediction":
        card_bytes = emulation.total_bytes - emulation.context_bytes
        found.append(
            Deviation(setting="reserved_bytes", recipe=card_bytes, probe=emulation.capped_bytes, why=WHY_MEMORY)
        )
    return tuple(found)
