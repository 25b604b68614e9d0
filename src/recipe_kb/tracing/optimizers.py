"""The optimizers of `TrainingArguments.optim`, as they run on a GPU, made for fake tensors."""

from collections.abc import Callable

import torch
from torch import nn

from recipe_kb.schema.base import Optimizer

HOST_SCALARS = frozenset({"adamw_torch", "sgd", "adafactor", "adamw_bnb_8bit", "paged_adamw_8bit"})
"""Optimizers that count their steps on the host; the fused one needs the count on the GPU."""

SMALLEST_8BIT = 4096
"""Parameters with fewer elements keep 32-bit state in bitsandbytes."""
BLOCK_SIZE = 256
"""Elements that share one scale in bitsandbytes' 8-bit state, since 0.44; earlier 2048."""
SMALLEST_PAGED = 100_000
"""Elements from which a paged optimizer keeps its state in unified memory, outside the caching allocator."""


class Adam8bit(torch.optim.Optimizer):  # type: ignore[misc]  # torch is untyped here
    """The storage of bitsandbytes' 8-bit AdamW; its kernels update in place and nothing here computes.

    Args:
        network: Whose trained parameters it updates.
        paged: Large states live outside the caching allocator.
        embeddings_32bit: As `Trainer` asks for; bitsandbytes alone does not.

    Source:
        bitsandbytes/optim/optimizer.py, `Optimizer2State.init_state`; transformers registers every embedding for
        32-bit state (trainer_optimizer.py, `_get_bitsandbytes_optimizer`).
    """

    def __init__(self, network: nn.Module, *, paged: bool, embeddings_32bit: bool = True) -> None:
        self._embeddings = {
            parameter
            for module in network.modules()
            if isinstance(module, nn.Embedding) and embeddings_32bit
            for parameter in module.parameters()
        }
        self._paged = paged
        self._maps: list[torch.Tensor] = []
        super().__init__(_trained(network), {})

    def step(self, closure: Callable[[], float] | None = None) -> None:  # noqa: ARG002 - torch's signature
        """Make the state of parameters that have a gradient and no state yet."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and not self.state[parameter]:
                    self.state[parameter].update(self._new_state(parameter))

    def _new_state(self, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
        paged = self._paged and parameter.numel() >= SMALLEST_PAGED
        if parameter.numel() < SMALLEST_8BIT or parameter in self._embeddings:
            return self._moments(parameter, torch.float32, paged=paged)
        if not self._maps:
            self._maps = [torch.empty(256), torch.empty(256)]
        state = self._moments(parameter, torch.uint8, paged=paged)
        blocks = -(-parameter.numel() // BLOCK_SIZE)
        return state | {name: torch.zeros(blocks) for name in ("absmax1", "absmax2")}

    @staticmethod
    def _moments(parameter: torch.Tensor, dtype: torch.dtype, *, paged: bool) -> dict[str, torch.Tensor]:
        if paged:
            return {"paged": torch.empty(0)}
        return {name: torch.zeros_like(parameter, dtype=dtype) for name in ("state1", "state2")}


def make_optimizer(network: nn.Module, name: Optimizer) -> torch.optim.Optimizer:
    """Make an optimizer of the trained parameters, with `Trainer`'s options.

    Args:
        network: On fake tensors.
        name: `Settings.optim`.

    Source:
        transformers/trainer_optimizer.py; torch takes `foreach` by itself on CUDA.
    """
    trained = _trained(network)
    if name in ("adamw_torch", "adamw_torch_fused"):
        fused = name == "adamw_torch_fused"
        return torch.optim.AdamW(trained, lr=1e-3, fused=fused, foreach=not fused)
    if name in ("adamw_bnb_8bit", "paged_adamw_8bit"):
        return Adam8bit(network, paged=name == "paged_adamw_8bit")
    if name == "adafactor":
        from transformers.optimization import Adafactor

        return Adafactor(trained, lr=1e-3, scale_parameter=False, relative_step=False)
    return torch.optim.SGD(trained, lr=1e-3, foreach=True)


def _trained(network: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]
