"""CUDA's behaviour imposed on fake CPU tensors: autocast, dropout masks, attention kernels.

The CPU keeps float masks for dropout, has other autocast lists and another attention kernel; each of these alone
moves the peak by several percent.

Source:
    aten/src/ATen/autocast_mode.h (lists of operations), native/transformers/attention.cpp and
    cuda/sdp_utils.cpp (choice of kernel), PyTorch 2.13.
"""

from typing import Any, Literal

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from recipe_kb.tracing.tracker import StorageTracker

aten = torch.ops.aten

SdpaKernel = Literal["flash", "efficient", "math"]

_LOWER = {
    functional.linear,
    functional.scaled_dot_product_attention,
    functional.conv1d,
    functional.conv2d,
    functional.conv_transpose1d,
    functional.prelu,
    torch.conv1d,
    torch.conv2d,
    torch.matmul,
    torch.Tensor.matmul,
    torch.Tensor.__matmul__,
    torch.Tensor.__rmatmul__,
    torch.mv,
    torch.Tensor.mv,
    torch.addmv,
    torch.addbmm,
    torch.addr,
    torch.mm,
    torch.Tensor.mm,
    torch.bmm,
    torch.Tensor.bmm,
    torch.addmm,
    torch.Tensor.addmm,
    torch.baddbmm,
    torch.Tensor.baddbmm,
    torch.einsum,
}
"""Run in half precision."""

_UPPER = {
    functional.layer_norm,
    torch.layer_norm,
    functional.group_norm,
    functional.rms_norm,
    torch.rms_norm,
    functional.normalize,
    functional.softplus,
    functional.l1_loss,
    functional.smooth_l1_loss,
    functional.huber_loss,
    functional.kl_div,
    functional.nll_loss,
    functional.mse_loss,
    functional.binary_cross_entropy_with_logits,
    functional.cosine_similarity,
    torch.exp,
    torch.Tensor.exp,
    torch.log,
    torch.Tensor.log,
    torch.log1p,
    torch.log2,
    torch.log10,
    torch.expm1,
    torch.sinh,
    torch.cosh,
    torch.tan,
    torch.acos,
    torch.asin,
    torch.erfinv,
    torch.pow,
    torch.Tensor.pow,
    torch.Tensor.__pow__,
    torch.Tensor.__rpow__,
    torch.Tensor.square,
    torch.square,
    torch.rsqrt,
    torch.Tensor.rsqrt,
    torch.reciprocal,
    torch.Tensor.reciprocal,
    torch.logsumexp,
    torch.Tensor.logsumexp,
}
"""Run in float32, their inputs cast."""

_UPPER_BY_DTYPE = {
    functional.softmax,
    torch.softmax,
    torch.Tensor.softmax,
    functional.log_softmax,
    torch.log_softmax,
    torch.Tensor.log_softmax,
    torch.sum,
    torch.Tensor.sum,
    torch.cumsum,
    torch.Tensor.cumsum,
    torch.prod,
    torch.Tensor.prod,
    torch.cumprod,
}
"""Get `dtype=float32` unless the caller says another one."""

_SOFTMAX = {functional.softmax, torch.softmax, torch.Tensor.softmax}
_LOG_SOFTMAX = {functional.log_softmax, torch.log_softmax, torch.Tensor.log_softmax}
_DROPOUT = {functional.dropout, torch.dropout}
_FLASH_HEAD_DIM = 256
_BIAS_ALIGNMENT = 8
"""The efficient kernel reads its bias in rows of this many elements; others are copied into padded ones."""


class CudaSemantics(TorchFunctionMode):  # type: ignore[misc]  # torch is untyped here
    """Makes what runs inside follow CUDA.

    Args:
        tracker: Told which storages are autocast's copies of weights.
        autocast: Half precision dtype, None for none.
        sdpa: Best kernel that the GPU has: `flash` falls back to `efficient` for float32 or a mask.
    """

    def __init__(self, tracker: StorageTracker, autocast: torch.dtype | None, sdpa: SdpaKernel) -> None:
        super().__init__()
        self._tracker = tracker
        self._dtype = autocast
        self._sdpa = sdpa
        self._casts: dict[torch.Tensor, torch.Tensor] | None = None
        self._active = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Cast as autocast does, then run the CUDA form of the operation."""
        kwargs = kwargs or {}
        if self._dtype is not None and self._active:
            if func in _LOWER:
                # C++ evaluates the arguments from the last to the first, and so are they cast.
                kwargs = dict([(name, tree_map(self._lower, value)) for name, value in reversed(kwargs.items())][::-1])
                args = tuple([tree_map(self._lower, value) for value in reversed(args)][::-1])
            elif func in _UPPER:
                args, kwargs = tree_map(_upper, (args, kwargs))
            elif func is functional.cross_entropy and _is_half(args[0]):
                return _cross_entropy(*args, **kwargs)
            elif func in _UPPER_BY_DTYPE and _is_half(args[0]) and kwargs.get("dtype") is None:
                kwargs = kwargs | {"dtype": torch.float32}
        if func in _DROPOUT:
            return _dropout(*args, **kwargs)
        if func is functional.scaled_dot_product_attention:
            return self._attention(*args, **kwargs)
        if func in _SOFTMAX | _LOG_SOFTMAX and args[0].dtype == torch.float16 and kwargs.get("dtype") == torch.float32:
            # One kernel reads half and writes float32; only float16 has it.
            dim = kwargs.get("dim", args[1] if len(args) > 1 else -1)
            kernel = aten._softmax if func in _SOFTMAX else aten._log_softmax
            return kernel(args[0], dim, True)
        return func(*args, **kwargs)

    def autocast(self, enabled: bool) -> None:
        """Enter or leave the autocast region of a forward pass; leaving it drops the cached casts of weights."""
        self._active = enabled
        self._casts = {} if enabled else None

    def recompute(self) -> None:
        """Stay in autocast while checkpointed blocks are recomputed; each block casts its weights again."""
        self._active, self._casts = True, None

    def _lower(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.dtype == self._dtype:
            return value
        if value.dtype == torch.float64:
            return value
        if not (value.is_leaf and value.requires_grad and value.dtype == torch.float32):
            return value.to(self._dtype)
        if self._casts is not None and value in self._casts:
            return self._casts[value]
        with self._tracker.on("autocast"):
            cast = value.to(self._dtype)
        if self._casts is not None:
            self._casts[value] = cast
        return cast

    def _attention(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> torch.Tensor:
        """Run the kernel that CUDA would choose. Shapes: (B, heads, L, head_dim)."""
        half = query.dtype in (torch.float16, torch.bfloat16)
        flash = self._sdpa == "flash" and half and attn_mask is None and query.shape[-1] <= _FLASH_HEAD_DIM
        grouped = enable_gqa and key.shape[1] != query.shape[1]  # the efficient kernel has no grouped heads
        if self._sdpa == "math" or (grouped and not flash):
            return aten._scaled_dot_product_attention_math(
                query, key, value, attn_mask, dropout_p, is_causal, None, scale=scale, enable_gqa=enable_gqa
            )[0]
        if flash:
            return aten._scaled_dot_product_flash_attention(
                query, key, value, dropout_p, is_causal, False, scale=scale
            )[0]
        bias = _bias(attn_mask, query, key)
        trains = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (query, key, value))
        return aten._scaled_dot_product_efficient_attention(
            query, key, value, bias, trains, dropout_p, is_causal, scale=scale
        )[0]


def _bias(mask: torch.Tensor | None, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor | None:
    """Turn a mask into what the efficient kernel adds to the scores."""
    if mask is None:
        return None
    if mask.dtype == torch.bool:
        zero = torch.zeros((), dtype=query.dtype, device=query.device)
        mask = torch.where(mask, zero, torch.full((), float("-inf"), dtype=query.dtype, device=query.device))
    length = key.shape[2]
    if mask.stride(-1) != 1 or any(stride % _BIAS_ALIGNMENT for stride in mask.stride()[:-1]):
        padded = functional.pad(mask, (0, _BIAS_ALIGNMENT - length % _BIAS_ALIGNMENT))
        mask = padded[..., :length]
    return mask.expand(query.shape[0], query.shape[1], query.shape[2], length)


def _cross_entropy(
    input: torch.Tensor,  # noqa: A002 - torch's name
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """Take logarithms in half precision and cast them: of the two kernels only the second is on the list."""
    if label_smoothing or target.is_floating_point():
        return functional.cross_entropy(
            input, target, weight, size_average, ignore_index, reduce, reduction, label_smoothing
        )
    logarithms = aten.log_softmax.int(input, 1 if input.dim() > 1 else 0, input.dtype)
    return functional.nll_loss(logarithms.float(), target, weight, size_average, ignore_index, reduce, reduction)


def _upper(value: Any) -> Any:
    return value.float() if _is_half(value) else value


def _is_half(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype in (torch.float16, torch.bfloat16)


def _dropout(input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> torch.Tensor:  # noqa: A002 - torch's name
    """Keep a mask of one byte per element, as CUDA does; in place it does the same, then copies back."""
    if not training or p == 0:
        return input
    dropped: torch.Tensor = aten.native_dropout(input, p, True)[0]
    return input.copy_(dropped) if inplace else dropped
