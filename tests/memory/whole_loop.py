"""A training loop run from its start to its end, as a user writes it: what the parts put together must equal."""

from unittest.mock import patch

import torch
from accelerate.utils.operations import convert_to_fp32
from tiny_jobs import on_gpu, signed_sizes
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import _engine_run_backward
from transformers import masking_utils

from recipe_kb.tracing import trace
from recipe_kb.tracing.cuda import CudaSemantics
from recipe_kb.tracing.tracker import StorageTracker


def record(job, shapes, *, accumulation, steps, every_head=False):
    """Train for some steps and return the sizes of all allocations and frees, in order.

    `shapes` are the (rows, length) of the micro-batches in turn; `every_head` gives the parameters that no
    micro-batch reached a gradient of zeros before each update.
    """
    with torch.device("meta"):
        network = job.build()
    # A real run looks at the position ids, finds no packed sequences, and makes no mask for them.
    unpacked = patch.object(masking_utils, "find_packed_sequence_indices", new=lambda _ids: None)
    with FakeTensorMode(allow_non_fake_inputs=True), unpacked:
        trace._give_fake_storage(network)
        network.train()
        if job.gradient_checkpointing:
            trace._enable_checkpointing(network)
        tracker = StorageTracker(job.logit_width)
        semantics = CudaSemantics(tracker, job.autocast, job.sdpa)
        with semantics, tracker:
            loop = _Loop(job, network, tracker, semantics, shapes, every_head=every_head)
            events = (loop.trainer if job.loop == "trainer" else loop.bare)(accumulation, steps)
        return signed_sizes(events, on_gpu(tracker.num_bytes, tracker.decided))


class _Loop:
    def __init__(self, job, network, tracker, semantics, shapes, *, every_head):
        self.job, self.network, self.tracker, self.semantics = job, network, tracker, semantics
        self.shapes, self.turn, self.every_head = shapes, 0, every_head
        self.trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        for tensor in trace._in_order_of_moving(network):
            tracker.track(tensor, "weights")
        with tracker.paused():
            self.optimizer = job.optimizer(network)

    def trainer(self, accumulation, steps):
        batches = []
        for _ in range(steps):
            batches = [self._fetch() for _ in range(accumulation)]
            for batch in batches:
                loss = trace._loss_of(self._forward(batch))
                self._backward(loss)
                del loss
            del batch
            self._update()
            self.optimizer.zero_grad()
        return list(self.tracker.events)  # before the last batches are let go

    def bare(self, accumulation, steps):
        for _ in range(steps):
            self.optimizer.zero_grad()
            for _ in range(accumulation):
                batch = self._fetch()
                outputs = self._forward(batch)
                loss = trace._loss_of(outputs)
                self._backward(loss)
            self._update()
        return list(self.tracker.events)  # before the last outputs are let go

    def _fetch(self):
        rows, length = self.shapes[self.turn % len(self.shapes)]
        self.turn += 1
        with self.tracker.paused():
            host = self.job.inputs(rows, length)
        with self.tracker.on("inputs"):
            return {name: value.clone() if torch.is_tensor(value) else value for name, value in host.items()}

    def _forward(self, batch):
        self.semantics.autocast(enabled=True)
        outputs = self.network(**(batch | {"attention_mask": None} if self.job.drops_mask else batch))
        self.semantics.autocast(enabled=False)
        return convert_to_fp32(outputs) if self.job.autocast and self.job.loop == "trainer" else outputs

    def _backward(self, loss):
        self.semantics.recompute()
        gradient = torch.ones_like(loss)
        _engine_run_backward((loss,), (gradient,), False, False, (), allow_unreachable=True, accumulate_grad=True)
        self.semantics.autocast(enabled=False)

    def _update(self):
        if self.every_head:
            for parameter in self.trained:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        if self.job.max_grad_norm > 0:
            nn.utils.clip_grad_norm_(self.trained, self.job.max_grad_norm)
        self.tracker.counts_scalars = not self.job.host_scalars
        self.optimizer.step()
        self.tracker.counts_scalars = True
