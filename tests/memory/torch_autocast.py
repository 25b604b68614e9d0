"""What torch's own CUDA autocast runs, without a GPU: fake CUDA tensors go through its C++ dispatch.

A build for the CPU has no device guard, so the few methods whose Python binding asks for one are replaced, and nothing
may require a gradient; hence casts are not cached here.
"""

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from recipe_kb.tracing.cuda import CudaSemantics
from recipe_kb.tracing.kernels import answer_without_data
from recipe_kb.tracing.tracker import StorageTracker

aten = torch.ops.aten
_CASTS = {
    torch.Tensor.float: torch.float32,
    torch.Tensor.half: torch.float16,
    torch.Tensor.bfloat16: torch.bfloat16,
    torch.Tensor.long: torch.long,
    torch.Tensor.int: torch.int,
    torch.Tensor.bool: torch.bool,
}
_VIEWS = ("view", ".t.", "transpose", "expand", "slice", "select", "permute", "squeeze", "alias", "detach", "prim.")


def operations(run, tensors, *, dtype, device):
    """Return (name, shapes and dtypes of the results) of every kernel of `run(tensors)` under autocast.

    Args:
        run: What is compared.
        tensors: Name to tensor, or a network; placed on the device as fake tensors.
        dtype: Of the autocast.
        device: `cuda` for torch's own autocast, `cpu` for ours.
    """
    recorder = _Recorder()
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        placed = _place(tensors, device)
        if device == "cpu":
            semantics = CudaSemantics(StorageTracker(-1), dtype, "efficient")
            semantics.recompute()  # in autocast, without the cache
            with semantics, recorder:
                run(placed)
            return recorder.operations
        torch.set_autocast_dtype("cuda", dtype)
        torch.set_autocast_enabled("cuda", True)
        try:
            with _WithoutGuard(), recorder:
                run(placed)
        finally:
            torch.set_autocast_enabled("cuda", False)
    return recorder.operations


class _Recorder(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        answer = answer_without_data(func, args)
        if answer is not None:
            return answer[0]
        out = func(*args, **(kwargs or {}))
        if not any(name in str(func) for name in _VIEWS):
            results = out if isinstance(out, tuple | list) else (out,)
            described = [(tuple(t.shape), t.dtype) for t in results if isinstance(t, torch.Tensor)]
            self.operations.append((str(func), described))
        return out


class _WithoutGuard(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.Tensor.__getitem__:
            return _index(*args)
        if func is torch.Tensor.contiguous:
            tensor = args[0]
            return tensor if tensor.is_contiguous() else aten.clone(tensor, memory_format=torch.contiguous_format)
        if func in (torch.Tensor.__invert__, torch.Tensor.bitwise_not):
            return aten.bitwise_not(args[0])
        if func in _CASTS:
            return _cast(args[0], _CASTS[func])
        if func in (torch.Tensor.to, torch.Tensor.type_as):
            given = (*args[1:], *kwargs.values())
            dtypes = [one.dtype if isinstance(one, torch.Tensor) else one for one in given]
            dtypes = [one for one in dtypes if isinstance(one, torch.dtype)]
            return _cast(args[0], dtypes[0]) if dtypes else args[0]
        return func(*args, **kwargs)


def _cast(tensor, dtype):
    return tensor if tensor.dtype == dtype else aten._to_copy(tensor, dtype=dtype)


def _index(tensor, where):
    where = where if isinstance(where, tuple) else (where,)
    dim, indices = 0, []
    for one in where:
        if one is Ellipsis:
            skipped = (
                tensor.dim()
                - dim
                - sum(later is not None for later in where[len(where) - where[::-1].index(Ellipsis) :])
            )
            dim, indices = dim + skipped, indices + [None] * skipped
        elif isinstance(one, int):
            tensor = aten.select(tensor, dim, one)
        else:
            if one is None:
                tensor = tensor.unsqueeze(dim)
            elif isinstance(one, slice) and one != slice(None):
                stop = torch.iinfo(torch.long).max if one.stop is None else one.stop
                tensor = aten.slice(tensor, dim, one.start, stop, one.step or 1)
            dim += 1
            indices.append(one if isinstance(one, torch.Tensor) else None)
    return aten.index(tensor, indices) if any(index is not None for index in indices) else tensor


def _place(tensors, device):
    if not isinstance(tensors, nn.Module):
        return {name: torch.empty(value.shape, dtype=value.dtype, device=device) for name, value in tensors.items()}
    moved = {}
    for module in tensors.modules():
        for owner in (module._parameters, module._buffers, vars(module)):
            for name, tensor in list(owner.items()):
                if isinstance(tensor, torch.Tensor):
                    fake = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
                    if isinstance(tensor, nn.Parameter):
                        fake = nn.Parameter(fake, requires_grad=False)
                    owner[name] = moved.setdefault(tensor, fake)
    return tensors
