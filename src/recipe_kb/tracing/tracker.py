"""Following every storage of a traced run: when it is allocated, how large it is, when it is freed.

The run happens on fake CPU tensors; what CUDA's kernels allocate besides their outputs is added from `kernels`.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from recipe_kb.memory.device import Decided
from recipe_kb.memory.step import Category
from recipe_kb.tracing.kernels import MATMULS, Buffer, answer_without_data, temporary_buffers

aten = torch.ops.aten
_IN_PLACE_REFERENCES = 3
"""Uses of a storage up to which the autograd engine sums two gradients in place: two tensors and our own handle.

A tied weight's gradient has one more, and is summed out of place on a GPU as well.
"""


class StorageTracker(TorchDispatchMode):  # type: ignore[misc]  # torch is untyped here
    """Records allocations and frees as events, in order.

    Attributes:
        events: `i` allocates storage i, `~i` frees it.
        num_bytes: What was asked for storage i, or the count by which the GPU decides.
        decided: Storages that the GPU sizes.
        categories: What storage i is for.
        flops: Floating point operations so far; a multiply-add counts two.
        category: What storages allocated now are for.
        counts_scalars: Whether zero-dimensional tensors are on the GPU; an optimizer keeps its step count on the host.
    """

    def __init__(self, logit_width: int) -> None:
        super().__init__()
        self.events: list[int] = []
        self.num_bytes: list[int] = []
        self.decided: dict[int, Decided] = {}
        self.categories: list[Category] = []
        self.flops = 0
        self.category: Category = "activations"
        self.counts_scalars = True
        self._logit_width = logit_width
        self._live: dict[int, int] = {}
        self._paused = False
        self._threads: set[bool] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation on fake tensors and record what it allocates."""
        kwargs = kwargs or {}
        answer = answer_without_data(func, args)
        if answer is not None:
            if isinstance(answer[0], torch.Tensor) and not self._paused:
                self.track(answer[0])
            return answer[0]
        in_backward = torch._C._current_graph_task_id() != -1
        if func in MATMULS:
            self._workspace(in_backward)
        if in_backward and func is aten.add.Tensor and self._sums_in_place(args, kwargs):
            return args[0].add_(args[1])
        out = func(*args, **kwargs)
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.flops += count(*args, **kwargs, out_val=out)
        if not self._paused:
            for tensor in _in_order_of_allocation(func, out):
                self.track(tensor)
            for buffers in temporary_buffers(func, args):
                self._temporary(buffers)
        return out

    def track(self, tensor: torch.Tensor, category: Category | None = None) -> None:
        """Record the storage of a tensor, unless it is known; it is freed when its last holder lets go."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._live or (tensor.dim() == 0 and not self.counts_scalars):
            return
        if category is None:
            category = self.category
            if category == "activations" and tensor.dim() > 1 and tensor.shape[-1] == self._logit_width:
                category = "logits"
        self._live[key] = self._new(storage.nbytes(), category)
        weakref.finalize(storage, self._free, key)

    def index_of(self, tensor: torch.Tensor) -> int | None:
        """Return the number of a live tensor's storage, None if it is not on the GPU."""
        return self._live.get(tensor.untyped_storage()._cdata)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not record: what happens belongs to the host."""
        before, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = before

    @contextmanager
    def on(self, category: Category) -> Iterator[None]:
        """Record new storages under a category."""
        before, self.category = self.category, category
        try:
            yield
        finally:
            self.category = before

    def _new(self, num_bytes: int, category: Category) -> int:
        index = len(self.num_bytes)
        self.num_bytes.append(num_bytes)
        self.categories.append(category)
        self.events.append(index)
        return index

    def _free(self, key: int) -> None:
        self.events.append(~self._live.pop(key))

    def _temporary(self, buffers: tuple[Buffer, ...]) -> None:
        taken = [self._buffer(size, decided) for size, decided in buffers]
        self.events.extend(~index for index in taken)

    def _buffer(self, size: int, decided: Decided | None) -> int:
        if decided is not None:
            self.decided[len(self.num_bytes)] = decided
        return self._new(size, "workspace")

    def _workspace(self, in_backward: bool) -> None:
        """Note the first matrix product of a thread: cuBLAS then takes its workspace, and keeps it."""
        if in_backward not in self._threads and not self._paused:
            self._threads.add(in_backward)
            self._buffer(0, ("matmul",))

    def _sums_in_place(self, args: Any, kwargs: Any) -> bool:
        """Say whether the engine would add into the first gradient, as it does on real tensors.

        Source:
            torch/csrc/autograd/input_buffer.cpp, `can_accumulate_inplace`; it never does so for fake tensors.
        """
        recomputing = torch.is_grad_enabled()  # a checkpointed block runs its forward pass again
        if recomputing or kwargs or len(args) != 2 or not isinstance(args[1], torch.Tensor):  # noqa: PLR2004
            return False
        total, other = args
        if total.shape != other.shape or total.dtype != other.dtype or not total.is_contiguous():
            return False
        storage = total.untyped_storage()
        in_use = torch._C._storage_Use_Count(storage._cdata)
        return in_use <= _IN_PLACE_REFERENCES and storage._cdata in self._live


def _in_order_of_allocation(func: Any, out: Any) -> list[torch.Tensor]:
    results = out if isinstance(out, tuple | list) else (out,)
    if func is aten.native_dropout.default:
        results = results[::-1]  # CUDA's dropout allocates its mask first
    elif func is aten._scaled_dot_product_efficient_attention.default:
        results = results[:2]  # its seed and offset are on the host
    return [result for result in results if isinstance(result, torch.Tensor)]
