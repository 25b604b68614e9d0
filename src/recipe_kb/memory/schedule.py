"""Putting the parts of a step together to a run: micro-batches, optimizer steps, evaluation.

Who holds what until when is decided here; `Trainer` and a bare loop differ by a tenth of the peak.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from recipe_kb.memory.device import Device
from recipe_kb.memory.step import Category, Part, Step

Loop = Literal["trainer", "bare"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What runs: optimizer steps, then an evaluation, then one more step if there were any.

    Attributes:
        loop: `trainer` drops the outputs before the backward pass, fetches the batches of a whole step at once and
            sets gradients to None after it; `bare` keeps outputs, loss and batch until they are made again, and sets
            gradients to None before the forward pass.
        accumulation: Micro-batches per optimizer step.
        steps: Optimizer steps; the optimizer's state is there from the second on.
        evaluation_batches: 0 for no evaluation.
        zeroes_in_place: Gradients are filled with zeros instead of dropped, the default before torch 2.
        keeps_logits: The evaluation holds all logits on the GPU until its end, as it does to compute metrics.
    """

    loop: Loop
    accumulation: int = 1
    steps: int = 2
    evaluation_batches: int = 0
    zeroes_in_place: bool = False
    keeps_logits: bool = False


@dataclass(kw_only=True)
class Run:
    """A run as one sequence: `i` allocates block i, `~i` frees it.

    Attributes:
        events: In order.
        num_bytes: Size of block i as asked for.
        categories: What block i is for.
        starts: (position, part) where each part begins.
        streams: Blocks of another CUDA stream than the default.
    """

    events: list[int] = field(default_factory=list)
    num_bytes: list[int] = field(default_factory=list)
    categories: list[Category] = field(default_factory=list)
    starts: list[tuple[int, Part]] = field(default_factory=list)
    streams: dict[int, int] = field(default_factory=dict)


def schedule(steps: Sequence[Step], plan: Plan, device: Device, evaluation: Step | None = None) -> Run:
    """Write out a run from placing the network to the end.

    Args:
        steps: One for each micro-batch in turn, of one job at different lengths; from the first again when they end.
        plan: What runs.
        device: The GPU.
        evaluation: The step at the evaluation's batch; None for the training's.
    """
    writer = _Writer(steps, device)
    writer.part("placement")
    for number in range(plan.steps):
        _optimizer_step(writer, plan, number=number)
    if plan.evaluation_batches:
        with writer.sized((evaluation or steps[0]).bytes_on(device)):
            _evaluate(writer, plan)
        if plan.steps:
            _optimizer_step(writer, plan, number=plan.steps)
    return writer.run


def _optimizer_step(writer: "_Writer", plan: Plan, *, number: int) -> None:
    first = number == 0
    if plan.loop == "bare":
        if not plan.zeroes_in_place:
            writer.part("zero_grad")
    else:
        # Trainer fetches all batches of the step before it lets go of the last step's.
        before = writer.take("inputs")
        batches = [writer.fresh("inputs", ahead=ahead) for ahead in range(plan.accumulation)]
        writer.free(before)
    if number == 1:
        writer.part("second_step")
    for micro_batch in range(plan.accumulation):
        if plan.loop == "bare":
            old = writer.take("inputs")
            writer.hold("inputs", writer.fresh("inputs"))
            writer.free(old)
        writer.part("forward")
        writer.free(writer.take("outputs"))
        accumulates = micro_batch > 0 or (plan.zeroes_in_place and not first)
        writer.backward(accumulates=accumulates, syncs=micro_batch == plan.accumulation - 1)
        writer.hold("outputs", writer.outputs_freed_in("release"))
        if plan.loop == "trainer":
            writer.free(writer.take("outputs"))
        writer.next_micro_batch()
    if first or not plan.zeroes_in_place:
        writer.part("other_gradients")
    writer.part("first_update" if first else "update")
    if plan.loop == "trainer":
        if not plan.zeroes_in_place:
            writer.part("zero_grad")
        writer.hold("inputs", [block for blocks in reversed(batches) for block in blocks])


def _evaluate(writer: "_Writer", plan: Plan) -> None:
    kept: list[int] = []
    for _ in range(plan.evaluation_batches):
        batch = writer.fresh("evaluation_inputs")
        writer.free(block for block in writer.take("inputs") if block not in kept)
        writer.hold("inputs", batch)
        writer.workspace()
        writer.part("evaluation")
        outputs = writer.outputs_freed_in("evaluation_release")
        logits = [block for block in outputs if writer.run.categories[block] == "logits"] if plan.keeps_logits else []
        writer.free(block for block in outputs if block not in logits)
        if plan.keeps_logits:
            kept = _joined(writer, kept, [*logits, batch[-1]])  # the labels are the last of a batch
    writer.free(block for block in kept if block not in writer.held("inputs"))


def _joined(writer: "_Writer", kept: list[int], new: list[int]) -> list[int]:
    """Append what a batch leaves to what is kept, as `Trainer` does on the GPU: old, new and both exist at once."""
    if not kept:
        return new
    both = []
    for old, last in zip(kept, new, strict=True):
        both.append(writer.join(old, last))
        writer.free([old, *({last} - set(writer.held("inputs")))])
    return both


class _Writer:
    """Writes parts of steps as blocks of a run, and knows which block a storage is now."""

    def __init__(self, steps: Sequence[Step], device: Device) -> None:
        self.run = Run()
        self._sizes = [step.bytes_on(device) for step in steps]
        if any(step.parts != steps[0].parts for step in steps):
            raise ValueError("the steps of one run must allocate the same storages in the same order")
        self._steps = steps
        self._step = steps[0]
        self._turn = 0
        self._size_of = self._sizes[0]
        self._block_of: dict[int, int] = {}
        self._held: dict[str, list[int]] = {}
        events = [event for part in self._step.parts.values() for event in part]
        self._stays = {event for event in events if event >= 0} - {~event for event in events if event < 0}

    def part(self, part: Part) -> None:
        """Write a part. A storage that is never freed (state, caches, workspaces) is allocated the first time only."""
        self._start(part)
        block_of, stays = self._block_of, self._stays
        for event in self._step.parts.get(part, ()):
            if event < 0:
                self._free_storage(~event)
            elif event not in block_of or event not in stays:
                block_of[event] = self._new(event)

    def backward(self, *, accumulates: bool, syncs: bool) -> None:
        """Write a backward pass; where gradients are there already, each new one is freed once it is added.

        In the pass that syncs, GPUs exchange gradients, and those that are freed meanwhile are gone.
        """
        on_sync = self._step.on_sync
        if not accumulates and not on_sync:
            self.part("backward")
            return
        self._start("backward")
        done: dict[int, list[int]] = {}
        for position, storage in self._step.gradients:
            done.setdefault(position, []).append(storage)  # a weight and its bias may be done at the same position
        gradients = {storage for _, storage in self._step.gradients}
        fresh: dict[int, int] = {}
        for position, event in enumerate(self._step.parts["backward"]):
            self._free_if_done(done, position, fresh)
            storage = event if event >= 0 else ~event
            if storage in on_sync and not syncs:
                continue
            if event >= 0 and storage in gradients and accumulates:
                fresh[storage] = self._new(storage)
            elif event >= 0:
                if event not in self._block_of or event not in self._stays:
                    self._block_of[event] = self._new(event)
            elif syncs or storage not in gradients:
                self._free_storage(storage)
        self._free_if_done(done, len(self._step.parts["backward"]), fresh)

    def fresh(self, part: Part, *, ahead: int = 0) -> list[int]:
        """Write new blocks of a part that only allocates, in the sizes of the micro-batch `ahead`; return them."""
        self._start(part)
        events = self._step.parts.get(part, ())
        sizes = self._sizes[(self._turn + ahead) % len(self._sizes)] if ahead else self._size_of
        blocks = [self._new(event, sizes) for event in events if event >= 0]
        self._block_of.update(zip((event for event in events if event >= 0), blocks, strict=True))
        return blocks

    def free(self, blocks: Iterable[int]) -> None:
        """Free blocks in this order."""
        self.run.events.extend(~block for block in blocks)

    def hold(self, name: str, blocks: list[int]) -> None:
        """Keep blocks under a name until they are taken."""
        self._held[name] = blocks

    def held(self, name: str) -> list[int]:
        """Return what is held under a name."""
        return self._held.get(name, [])

    def join(self, first: int, second: int) -> int:
        """Write a block as large as two together."""
        block = len(self.run.num_bytes)
        self.run.num_bytes.append(self.run.num_bytes[first] + self.run.num_bytes[second])
        self.run.categories.append(self.run.categories[first])
        self.run.events.append(block)
        return block

    def workspace(self) -> None:
        """Write cuBLAS' workspace of a thread that has not multiplied yet, as where an evaluation comes first.

        A step was traced with its training first, so its evaluation finds the workspace of the forward pass there.
        """
        for event in self._step.parts.get("forward", ()):
            if self._step.decided.get(event) == ("matmul",) and event not in self._block_of:
                self._block_of[event] = self._new(event)

    def take(self, name: str) -> list[int]:
        """Take what is held under a name."""
        return self._held.pop(name, [])

    def outputs_freed_in(self, part: Part) -> list[int]:
        """Return the blocks that a part frees, in its order, without those of the batch."""
        blocks = []
        for event in self._step.parts.get(part, ()):
            block = self._block_of.pop(~event, None)
            if block is not None and self.run.categories[block] != "inputs":
                blocks.append(block)
        return blocks

    def next_micro_batch(self) -> None:
        """Go on with the step of the next micro-batch's length."""
        self._turn = (self._turn + 1) % len(self._steps)
        self._step, self._size_of = self._steps[self._turn], self._sizes[self._turn]

    @contextmanager
    def sized(self, sizes: list[int]) -> Iterator[None]:
        """Write storages in other sizes."""
        before, self._size_of = self._size_of, sizes
        try:
            yield
        finally:
            self._size_of = before

    def _free_storage(self, storage: int) -> None:
        block = self._block_of.pop(storage, None)
        if block is not None:
            self.run.events.append(~block)

    def _free_if_done(self, done: dict[int, list[int]], position: int, fresh: dict[int, int]) -> None:
        self.free(fresh.pop(storage) for storage in done.get(position, ()) if storage in fresh)

    def _new(self, storage: int, sizes: list[int] | None = None) -> int:
        block = len(self.run.num_bytes)
        self.run.num_bytes.append((sizes or self._size_of)[storage])
        self.run.categories.append(self._step.categories[storage])
        self.run.events.append(block)
        if storage in self._step.streams:
            self.run.streams[block] = self._step.streams[storage]
        return block

    def _start(self, part: Part) -> None:
        self.run.starts.append((len(self.run.events), part))
