"""Tracing one training step under fake tensors: what is allocated and freed, part by part.

Parts are recorded once; `schedule` puts them together to as many micro-batches, steps and evaluations as asked.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils.operations import convert_to_fp32
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import _engine_run_backward

from recipe_kb.memory.schedule import Loop
from recipe_kb.memory.step import Part, Step
from recipe_kb.tracing.cuda import CudaSemantics, SdpaKernel
from recipe_kb.tracing.tracker import StorageTracker


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training loop to trace.

    Attributes:
        build: Makes the network, on the device of the context.
        inputs: (rows, length in tokens) to the keyword arguments of `forward`.
        drops_mask: A mask of ones, which transformers takes out of the network's sight.
        optimizer: Makes the optimizer of the trained parameters.
        autocast: Half precision dtype of mixed precision, None for none.
        sdpa: The best attention kernel of the GPU.
        gradient_checkpointing: Recompute activations in the backward pass.
        loop: `trainer` drops the outputs before the backward pass and sets gradients to None after the step;
            `bare` keeps outputs, loss and batch until they are made again, and sets gradients to None before.
        max_grad_norm: 0 for no clipping.
        host_scalars: The optimizer counts its steps on the host.
        logit_width: Last dimension of the logits.
    """

    build: Callable[[], nn.Module]
    inputs: Callable[[int, int], dict[str, Any]]
    drops_mask: bool
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    autocast: torch.dtype | None
    sdpa: SdpaKernel
    gradient_checkpointing: bool
    loop: Loop
    max_grad_norm: float
    host_scalars: bool
    logit_width: int


def trace(job: Job, *, rows: int, length: int, evaluation_rows: int) -> Step:
    """Trace one training step and one evaluation step.

    Args:
        job: The loop.
        rows: Micro-batch.
        length: Tokens of each row.
        evaluation_rows: Batch of the evaluation; 0 for none.

    Returns:
        The trace, with sizes at these rows and this length.
    """
    with torch.device("meta"):
        network = job.build()
    with FakeTensorMode(allow_non_fake_inputs=True), _one_sequence_per_row():
        _give_fake_storage(network)
        network.train()
        return _Recorder(job, network).record(rows, length, evaluation_rows)


def trace_update(job: Job) -> Step:
    """Trace the optimizer alone, on gradients of every trained parameter; for `Step.with_update`."""
    with torch.device("meta"):
        network = job.build()
    with FakeTensorMode(allow_non_fake_inputs=True):
        _give_fake_storage(network)
        return _Recorder(job, network).record_update()


class _Recorder:
    """Runs the parts of a step in order and cuts the tracker's events into them."""

    def __init__(self, job: Job, network: nn.Module) -> None:
        self._job = job
        self._network = network
        self._trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._tracker = StorageTracker(job.logit_width)
        self._semantics = CudaSemantics(self._tracker, job.autocast, job.sdpa)
        self._parts: dict[Part, tuple[int, ...]] = {}
        self._gradients: list[tuple[int, int]] = []
        self._start = 0

    def record(self, rows: int, length: int, evaluation_rows: int) -> Step:
        tracker, network = self._tracker, self._network
        if self._job.gradient_checkpointing:
            _enable_checkpointing(network)
        with self._semantics, tracker:
            self._place()
            batch = self._batch(rows, length)
            self._cut("inputs")
            self._train(batch)
            flops = tracker.flops
            self._give_other_gradients()
            self._update()
            evaluated = self._evaluate(evaluation_rows, length) if evaluation_rows else 0
        return self._step(flops, evaluated)

    def record_update(self) -> Step:
        with self._semantics, self._tracker:
            self._place()
            self._give_other_gradients()
            self._update()
        return self._step(0, 0)

    def _step(self, flops: int, evaluation_flops: int) -> Step:
        tracker = self._tracker
        return Step(
            parts=self._parts,
            num_bytes=tuple(tracker.num_bytes),
            decided=dict(tracker.decided),
            categories=tuple(tracker.categories),
            gradients=tuple(self._gradients),
            flops=flops,
            evaluation_flops=evaluation_flops,
        )

    def _place(self) -> None:
        for tensor in _in_order_of_moving(self._network):
            self._tracker.track(tensor, "weights")
        self._cut("placement")

    def _cut(self, part: Part) -> None:
        self._parts[part] = tuple(self._tracker.events[self._start :])
        self._start = len(self._tracker.events)

    def _batch(self, rows: int, length: int) -> dict[str, Any]:
        with self._tracker.paused():
            host = self._job.inputs(rows, length)
        with self._tracker.on("inputs"):
            return {name: value.clone() if torch.is_tensor(value) else value for name, value in host.items()}

    def _train(self, batch: dict[str, Any]) -> None:
        tracker = self._tracker
        outputs = self._forward(batch)
        loss = _loss_of(outputs)
        if self._job.loop == "trainer":
            outputs = None
        self._cut("forward")
        backward_start = self._start
        hooks = [
            parameter.register_post_accumulate_grad_hook(
                lambda done: self._gradients.append((len(tracker.events) - backward_start, _index(tracker, done)))
            )
            for parameter in self._trained
        ]
        self._semantics.recompute()
        # Tensor.backward() would leave the function mode, and what is recomputed would escape CUDA's behaviour.
        gradient = torch.ones_like(loss)
        _engine_run_backward((loss,), (gradient,), False, False, (), allow_unreachable=True, accumulate_grad=True)
        self._semantics.autocast(False)
        del gradient
        for hook in hooks:
            hook.remove()
        self._cut("backward")
        del outputs, loss
        batch.clear()
        self._cut("release")
        for _, index in self._gradients:
            tracker.categories[index] = "gradients"

    def _give_other_gradients(self) -> None:
        """Heads of the other tasks have their turn in other micro-batches; by the second step all have state."""
        with self._tracker.on("gradients"):
            for parameter in self._trained:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        self._cut("other_gradients")

    def _update(self) -> None:
        tracker = self._tracker
        tracker.category = "optimizer"
        with tracker.paused():
            optimizer = self._optimizer = self._job.optimizer(self._network)  # its state stays
        tracker.counts_scalars = not self._job.host_scalars
        for value in (value for state in optimizer.state.values() for value in state.values()):
            if isinstance(value, torch.Tensor):
                tracker.track(value)  # some optimizers make their state when they are made
        tracker.counts_scalars = True
        for part in ("first_update", "update"):
            if self._job.max_grad_norm > 0:
                norm = nn.utils.clip_grad_norm_(self._trained, self._job.max_grad_norm)
                del norm
            tracker.counts_scalars = not self._job.host_scalars
            optimizer.step()
            tracker.counts_scalars = True
            self._cut(part)
        tracker.category = "activations"
        optimizer.zero_grad(set_to_none=True)
        self._cut("zero_grad")

    def _evaluate(self, rows: int, length: int) -> int:
        before = self._tracker.flops
        self._network.eval()
        batch = self._batch(rows, length)
        self._cut("evaluation_inputs")
        with torch.no_grad():
            outputs = self._forward(batch)
        self._cut("evaluation")
        del outputs
        batch.clear()
        self._cut("evaluation_release")
        self._network.train()
        return self._tracker.flops - before

    def _forward(self, batch: dict[str, Any]) -> Any:
        self._semantics.autocast(True)
        given = batch | {"attention_mask": None} if self._job.drops_mask else batch
        outputs = self._network(**given)
        del given
        self._semantics.autocast(False)
        # accelerate converts whatever autocast left in half precision.
        return convert_to_fp32(outputs) if self._job.autocast and self._job.loop == "trainer" else outputs


@contextmanager
def _one_sequence_per_row() -> Iterator[None]:
    """Keep transformers from looking for packed sequences.

    Without a mask it looks at the position ids, cannot see their values in a fake run, and makes a mask to be safe;
    a real run finds none and leaves the causal mask to the attention kernel.
    """
    try:
        from transformers import masking_utils
    except ImportError:  # before 4.53
        yield
        return
    before = masking_utils.find_packed_sequence_indices
    masking_utils.find_packed_sequence_indices = lambda _position_ids: None
    try:
        yield
    finally:
        masking_utils.find_packed_sequence_indices = before


def _give_fake_storage(network: nn.Module) -> None:
    """Move a network from the meta device to fake tensors; what is tied stays tied."""
    moved: dict[int, torch.Tensor] = {}

    def move(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in moved:
            fake = torch.empty(tensor.shape, dtype=tensor.dtype)
            parameter = isinstance(tensor, nn.Parameter)
            moved[id(tensor)] = nn.Parameter(fake, requires_grad=tensor.requires_grad) if parameter else fake
            keep.append(tensor)  # its id must not be given to another
        return moved[id(tensor)]

    keep: list[torch.Tensor] = []
    for module in network.modules():
        for tensors in (module._parameters, module._buffers, vars(module)):
            for name, tensor in list(tensors.items()):
                if isinstance(tensor, torch.Tensor):
                    tensors[name] = move(tensor)


def _loss_of(outputs: Any) -> torch.Tensor:
    return outputs["loss"] if isinstance(outputs, Mapping) else outputs[0]


def _index(tracker: StorageTracker, parameter: torch.Tensor) -> int:
    index = tracker.index_of(parameter.grad)
    assert index is not None  # noqa: S101 - a gradient is always on the GPU
    return index


def _in_order_of_moving(network: nn.Module) -> Iterable[torch.Tensor]:
    """Yield what `Module.to` moves, in its order: children first."""
    for child in network.children():
        yield from _in_order_of_moving(child)
    for tensor in (*network._parameters.values(), *network._buffers.values()):
        if tensor is not None:
            yield tensor


def _enable_checkpointing(network: nn.Module) -> None:
    """Checkpoint as `Trainer` does; there is no random state to keep under fake tensors."""
    options = {"use_reentrant": False, "preserve_rng_state": False}
    if hasattr(network, "activation_checkpointing_enable"):
        network.activation_checkpointing_enable(activation_checkpointing_kwargs=options)
    else:  # transformers before 5.20
        network.gradient_checkpointing_enable(gradient_checkpointing_kwargs=options)
