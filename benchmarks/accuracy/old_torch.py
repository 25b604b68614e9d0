"""What torch did before 1.11: the rows of 2022 ran with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

aten = torch.ops.aten
_FIRST_WITHOUT_INPUT = (1, 11)


class _Softmax(torch.autograd.Function):  # type: ignore[misc]  # torch is untyped here
    """Softmax whose backward pass keeps the input as well as the output."""

    @staticmethod
    def forward(ctx: Any, scores: torch.Tensor, dim: int) -> torch.Tensor:
        output = aten._softmax(scores, dim, False)
        ctx.save_for_backward(scores, output)
        ctx.dim = dim
        return output

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        _scores, output = ctx.saved_tensors
        return aten._softmax_backward_data(gradient, output, ctx.dim, output.dtype), None


class _OldSoftmax(TorchFunctionMode):  # type: ignore[misc]
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is functional.softmax:
            scores = args[0].float() if kwargs.get("dtype") == torch.float32 else args[0]
            return _Softmax.apply(scores, kwargs.get("dim", args[1] if len(args) > 1 else -1))
        return func(*args, **kwargs)


@contextmanager
def keeps_softmax_input(version: tuple[int, int] | None) -> Iterator[None]:
    """Make softmax keep its input for the backward pass where the run's torch did.

    Source:
        `_softmax_backward_data` took `self` until pytorch/pytorch#66149.
    """
    if version is None or version >= _FIRST_WITHOUT_INPUT:
        yield
        return
    with _OldSoftmax():
        yield
