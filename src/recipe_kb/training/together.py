"""Several processes that train one network: what they must agree on, and what a CPU needs to do as GPUs do."""

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType
from torch import distributed


def agreed(answer: bool, device: torch.device) -> bool:
    """Return the first process' answer, so that none leaves a loop that the others stay in.

    Their clocks differ, and one that waits for gradients of another that has gone waits for ever.

    Args:
        answer: Of this process.
        device: Where it trains; its backend carries only tensors from there.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return answer
    first = torch.tensor([answer], dtype=torch.uint8, device=device)
    distributed.broadcast(first, src=0)
    return bool(first.item())


def shard_on_cpu() -> None:
    """Have accelerate shard the network on a CPU too; call it before `Trainer` is made.

    Source:
        accelerate 1.15 `state.py`, `AcceleratorState.__init__`: the FSDP plugin is looked at only where the kind of
        device is one of a list of accelerators. On CPUs it is dropped without a word and DDP trains instead. The kind
        decides nothing else that a CPU meets: the device and the backend are set by then.
    """
    PartialState().distributed_type = DistributedType.MULTI_XPU
