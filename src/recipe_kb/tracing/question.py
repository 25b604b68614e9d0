"""What the predictor is asked: a step that the knowledge base holds, or one that is traced now.

A stored step answers at once and needs no torch, which is imported only where something is traced.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from recipe_kb.memory.gpu import device_of
from recipe_kb.memory.layers import LayersError
from recipe_kb.memory.parallel import Several, shared
from recipe_kb.memory.predict import Question
from recipe_kb.memory.schedule import Loop, Plan
from recipe_kb.memory.stored import Cell
from recipe_kb.resolve.memory import context_on, total_bytes
from recipe_kb.resolve.traced import counted_length, question_of, training_of
from recipe_kb.schema.base import Parallel, TaskMixing
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import RecipeKey, Settings
from recipe_kb.store.store import Store

Padding = Literal["full", "none", "dynamic"]
"""Of the rows of a batch. `full`: to the maximum length, with a mask. `none`: every row is that long by itself, and
transformers drops the mask. `dynamic`: to the longest row of the micro-batch."""

RECIPES_ARE_FOR = "5.23"
"""The version of transformers that recipes are written for; `dialects.training_arguments` spells them for it."""
TRACED_WITH = ("torch", "transformers", "peft")
"""Packages whose version a trace depends on."""
VERSION_ERROR = 0.05
"""Added to both ends of the interval where another version runs than was traced. An assumption: the accuracy benchmark
prints what a mismatch costs between two versions."""
EVALUATION_BATCHES = 2
"""From the second on, each is fetched while the one before is still there; further ones change nothing."""
NUM_DRAWS = 16
DRAWN_MICRO_BATCHES = 8
SHORTEST_SHARE = 1 / 8
"""Rows are taken to be equally often of every length from this share of the maximum to the maximum."""
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be predicted.

    Attributes:
        key: GPU, model, tasks, length in tokens, method, number of GPUs.
        gpu: None for a card known by its size alone.
        model: The network.
        settings: Of a recipe, with changes.
        mixing: How tasks share a step; None for one task.
        loop: Who trains.
        padding: How long the rows of a batch are.
        evaluation_rows: Batch of an evaluation between two steps; 0 for none.
        evaluation_samples: Rows whose logits stay on the GPU until its end; 0 where only the loss is wanted.
        traces: Trace now, even if the step is stored.
        parallel: How several GPUs share the work.
    """

    key: RecipeKey
    gpu: Gpu | None
    model: Model
    settings: Settings
    mixing: TaskMixing | None
    loop: Loop = "trainer"
    padding: Padding = "full"
    evaluation_rows: int = 0
    evaluation_samples: int = 0
    traces: bool = False
    parallel: Parallel = "ddp"


class TraceFailedError(Exception):
    """Something in a training step cannot be followed on fake tensors; the text is the library's."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The question, and where its step comes from.

    Attributes:
        question: For `memory.predict`.
        source: `stored` in the knowledge base, or `traced` now.
        versions: Package to the version that was traced.
    """

    question: Question
    source: Literal["stored", "traced"]
    versions: Mapping[str, str]


def stored_question(store: Store, asked: Asked) -> Found | None:
    """Ask about a step of the knowledge base; None if it holds none that was traced for this.

    Stored steps were traced with padding, by `Trainer`, for one task; further interleaved tasks only add a head each.
    """
    as_traced = asked.loop == "trainer" and asked.padding != "none" and asked.mixing != "joint"
    record = store.memory(asked.key.model)
    if asked.traces or not as_traced or record is None:
        return None
    context, total = context_on(store, asked.key, asked.gpu), total_bytes(store, asked.key, asked.gpu)
    question = question_of(
        store, asked.key, asked.settings, asked.mixing, asked.model, asked.gpu, context, total, asked.parallel
    )
    if question is None:
        return None
    return Found(question=_completed(question, asked, record["versions"]), source="stored", versions=record["versions"])


def refusal(store: Store, asked: Asked) -> str | None:
    """Return why the network cannot be trained so, where the knowledge base says it; in English."""
    record = store.memory(asked.key.model)
    name = str(Cell.of_settings(asked.settings, asked.key.method))
    return record["not"].get(name) if record else None


def traced_question(store: Store, asked: Asked) -> Found:
    """Trace the step now, and ask about that.

    Raises:
        UnsupportedError: The network cannot be trained so.
        TraceFailedError: Something in it cannot be followed on fake tensors.
    """
    from recipe_kb.tracing.now import layout_now, traced_now

    versions = traced_versions()
    length = counted_length(asked.key.max_length) if asked.padding == "dynamic" else asked.key.max_length
    shorter = counted_length(length // 2)
    question = Question(
        step=traced_now(asked, length, shorter if asked.padding == "dynamic" and shorter < length else None),
        rows=asked.settings.per_device_train_batch_size,
        length=length,
        plan=Plan(loop=asked.loop, accumulation=asked.settings.gradient_accumulation_steps),
        device=device_of(asked.gpu, store.cuda()),
        context=context_on(store, asked.key, asked.gpu),
        total_bytes=total_bytes(store, asked.key, asked.gpu),
    )
    if asked.key.num_gpus > 1:
        several = Several(num_gpus=asked.key.num_gpus, parallel=asked.parallel)
        try:
            question = shared(question, layout_now(asked), several, training_of(asked.key, asked.settings))
        except LayersError as error:
            raise TraceFailedError(str(error)) from error
    return Found(question=_completed(question, asked, versions), source="traced", versions=versions)


def traced_versions() -> dict[str, str]:
    """Return the versions, as installed here, of the packages that a trace depends on."""
    return {name: installed(name) or "" for name in TRACED_WITH}


def installed(package: str) -> str | None:
    """Return the version of an installed package, without importing it."""
    try:
        return version(package).split("+")[0]
    except PackageNotFoundError:
        return None


def version_differs(versions: Mapping[str, str]) -> bool:
    """Say whether another transformers was traced than recipes are for, or than is installed here."""
    traced = _minor(versions["transformers"])
    here = installed("transformers")
    return traced != RECIPES_ARE_FOR or (here is not None and _minor(here) != traced)


def drawn_lengths(rows: int, length: int) -> tuple[tuple[int, ...], ...]:
    """Draw the lengths of micro-batches that are padded to their longest row; always the same ones.

    Args:
        rows: Of a micro-batch.
        length: Of the longest row there can be; a multiple of what `counted_length` rounds to.

    Returns:
        `NUM_DRAWS` runs of `DRAWN_MICRO_BATCHES` lengths, rounded up as the attention mask is.
    """
    generator = random.Random(_SEED)  # noqa: S311 - a sample, not a secret
    shortest = max(1, round(SHORTEST_SHARE * length))
    return tuple(
        tuple(
            min(length, counted_length(max(generator.randint(shortest, length) for _ in range(rows))))
            for _ in range(DRAWN_MICRO_BATCHES)
        )
        for _ in range(NUM_DRAWS)
    )


def _completed(question: Question, asked: Asked, versions: Mapping[str, str]) -> Question:
    """Add what the step does not decide: the evaluation, lengths, the error of another version."""
    rows, samples = asked.evaluation_rows, asked.evaluation_samples
    batches = -(-samples // rows) if samples and rows else EVALUATION_BATCHES * (rows > 0)
    dynamic = asked.padding == "dynamic"
    return replace(
        question,
        plan=replace(question.plan, evaluation_batches=batches, keeps_logits=samples > 0),
        evaluation_rows=rows,
        draws=drawn_lengths(question.rows, question.length) if dynamic else (),
        redraw=partial(drawn_lengths, length=question.length) if dynamic else None,
        version_error=VERSION_ERROR if version_differs(versions) else 0.0,
    )


def _minor(number: str) -> str:
    return ".".join(number.split(".")[:2])
