"""PyTorch's own tool, really run: `MemTracker` around a fake training step on the CPU.

It sums live tensors; it knows neither the caching allocator nor what CUDA's kernels keep.
"""

import contextlib
import time
from typing import Any

import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker

from accuracy.build import batch_of, build_model
from accuracy.spec import CannotPredictError, RowSpec
from recipe_kb.units import MIB

STEPS = 2
"""The optimizer's state exists from the second step on."""
_AMP = {"fp16-amp": torch.float16, "bf16-amp": torch.bfloat16}


def tracked_peak(spec: RowSpec) -> dict[str, Any]:
    """Run `STEPS` optimizer steps of a spec under MemTracker.

    Returns:
        `mib`: peak of its "Total", in MiB; `seconds`; `without_mask`: whether the mask had to be left out because
        this version of transformers looks into it, which fake tensors do not allow.

    Raises:
        CannotPredictError: torch has no such optimizer, or the network looks into its data.
    """
    start = time.perf_counter()
    without_mask = False
    try:
        total = _run(spec, with_mask=True)
    except DataDependentOutputException:
        without_mask = True
        try:
            total = _run(spec, with_mask=False)
        except DataDependentOutputException as error:
            raise CannotPredictError(f"looks into its data: {error}") from error
    return {"mib": total / MIB, "seconds": time.perf_counter() - start, "without_mask": without_mask}


def _run(spec: RowSpec, *, with_mask: bool) -> int:
    """Return the peak in bytes."""
    if spec.optimizer_from != "torch" or not hasattr(torch.optim, spec.optimizer):
        raise CannotPredictError(f"{spec.optimizer} of {spec.optimizer_from} is not an optimizer of torch")
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = build_model(spec)
        if spec.checkpointing != "no":
            model.gradient_checkpointing_enable()
        optimizer = getattr(torch.optim, spec.optimizer)(model.parameters(), lr=1e-3)
        tracker = MemTracker()
        tracker.track_external(model, optimizer)
        with tracker:
            for _step in range(STEPS):
                optimizer.zero_grad()
                for _micro_batch in range(spec.accumulation):
                    _forward_backward(model, spec, with_mask=with_mask)
                    tracker.reset_mod_stats()
                optimizer.step()
        snapshot = tracker.get_tracker_snapshot("peak")
    return sum(sizes["Total"] for sizes in snapshot.values())


def _forward_backward(model: torch.nn.Module, spec: RowSpec, *, with_mask: bool) -> None:
    batch = batch_of(spec, spec.length)
    if not with_mask:
        batch.pop("attention_mask", None)
    amp = torch.autocast("cpu", dtype=_AMP[spec.precision]) if spec.precision in _AMP else contextlib.nullcontext()
    with amp:
        loss = model(**batch).loss
    loss.backward()
