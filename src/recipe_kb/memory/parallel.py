"""Several GPUs: which way a step is shared among them, and the step of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from recipe_kb.memory.ddp import with_ddp
from recipe_kb.memory.fsdp import with_fsdp, with_fsdp_update
from recipe_kb.memory.layout import ROOT, Layout, Parameter
from recipe_kb.memory.predict import Question
from recipe_kb.memory.shape import ShapedStep
from recipe_kb.schema.base import Method, Optimizer, Parallel, Precision

SHARDED_OPTIMIZERS: tuple[Optimizer, ...] = ("adamw_torch_fused", "adamw_torch", "sgd")
"""Those that keep as much for a share as the share is large; others are not predicted with `fsdp`."""
_FLOAT = 4
_HALF = 2


@dataclass(frozen=True, kw_only=True)
class Several:
    """How many GPUs train together, and how.

    Attributes:
        num_gpus: At least 1; with one there is nothing to share.
        parallel: The way, where there are more.
    """

    num_gpus: int = 1
    parallel: Parallel = "ddp"


ONE = Several()


@dataclass(frozen=True, kw_only=True)
class Training:
    """What of a training decides how it is shared.

    Attributes:
        method: What is trained.
        precision: Of the computation.
        checkpointing: Activations are recomputed.
        num_tasks: Heads of an encoder; a wrapper with several is no model of transformers.
    """

    method: Method
    precision: Precision
    checkpointing: bool
    num_tasks: int

    @property
    def finds_unused(self) -> bool:
        """Whether DDP looks for parameters that a step does not use.

        Source:
            transformers/trainer.py, `_build_accelerator_args`, transformers 5.23: not for a `PreTrainedModel` that
            recomputes activations; adapters and several heads are wrapped in something else.
        """
        return not (self.checkpointing and self.method == "full" and self.num_tasks == 1)


def is_sharded(method: Method, optim: Optimizer) -> bool:
    """Say whether FSDP is predicted for a method and an optimizer.

    accelerate leaves weights of 4 bits out of it: "Excluding from FSDP2 sharding to prevent quant_state corruption".
    """
    return method != "qlora" and optim in SHARDED_OPTIMIZERS


def shared(question: Question, layout: Layout, several: Several, training: Training) -> Question:
    """Return what to ask of one of several GPUs; of a single one the question itself.

    Args:
        question: About one GPU.
        layout: The parameters of the network.
        several: How many, and how.
        training: What is trained.

    Raises:
        LayersError: FSDP, and the gradients of the step do not come layer by layer.
    """
    if several.num_gpus == 1:
        return question
    compute_bytes = _FLOAT if training.precision == "fp32" else _HALF
    layout = _complete(layout, question.other_heads, compute_bytes)
    step = _shared_step(
        _Same(question.step),
        layout,
        several,
        training.finds_unused,
        question.plan.loop == "bare",
        compute_bytes,
        len(question.other_heads),
    )
    if several.parallel == "ddp":
        return replace(question, step=step)
    num_gpus = several.num_gpus
    return replace(
        question,
        step=step,
        update=with_fsdp_update(question.update, layout, num_gpus) if question.update else None,
        other_heads=tuple(-(-size // num_gpus) for size in question.other_heads),
    )


class _Same:
    """A step as a key: the very same object, because its contents are too much to compare."""

    __slots__ = ("step",)

    def __init__(self, step: ShapedStep) -> None:
        self.step = step

    def __hash__(self) -> int:
        return id(self.step)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.step is self.step


@lru_cache(maxsize=32)
def _shared_step(
    same: _Same,
    layout: Layout,
    several: Several,
    finds_unused: bool,
    keeps_outputs: bool,
    compute_bytes: int,
    num_other_heads: int,
) -> ShapedStep:
    if several.parallel == "ddp":
        return with_ddp(same.step, layout, finds_unused=finds_unused, keeps_outputs=keeps_outputs)
    traced = replace(layout, parameters=layout.parameters[: len(layout.parameters) - num_other_heads])
    return with_fsdp(same.step, traced, num_gpus=several.num_gpus, compute_bytes=compute_bytes)


def _complete(layout: Layout, other_heads: Sequence[int], compute_bytes: int) -> Layout:
    """Add the heads of other tasks, and store frozen weights in the precision of the computation, as they are."""
    heads = (
        Parameter(group=ROOT, rows=size // _FLOAT, inner=1, element_bytes=_FLOAT, is_trained=True)
        for size in other_heads
    )
    stored = (
        replace(one, element_bytes=compute_bytes) if not one.is_trained and one.element_bytes == _HALF else one
        for one in layout.parameters
    )
    return replace(layout, parameters=(*stored, *heads))
