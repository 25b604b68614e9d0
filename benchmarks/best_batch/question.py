"""What all contestants are asked: one network, one length, one GPU; and how it is trained for a few steps."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from memory_grid.tiny import tiny_model
from torch import nn

from recipe_kb.probe.cpu import fit_to_cpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Settings
from recipe_kb.store.store import Store
from recipe_kb.training.data import Plan, TaskRows
from recipe_kb.training.loop import train, training_arguments
from recipe_kb.training.network import build_network

NUM_MICRO_BATCHES = 64
"""More than any contestant trains: a finder must not stop because the data end."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question, as it travels to a child.

    Attributes:
        kb: Folder of the knowledge base.
        model: Id of the network.
        max_length: Tokens of every row.
        settings: Of the recipe that all start from.
        limit_rows: Rows that do not fit any more in a simulation on a CPU; None on a GPU, which has a limit of its own.
    """

    kb: str
    model: str
    max_length: int
    settings: dict[str, Any]
    limit_rows: int | None

    def to_json(self) -> dict[str, Any]:
        """Return plain data, which `Question(**data)` reads."""
        return asdict(self)

    @property
    def device(self) -> str:
        """Where it is trained."""
        return "cuda" if self.limit_rows is None else "cpu"


@dataclass
class Counters:
    """What a contestant did: the batches that it tried, in order, and how often memory ran out."""

    tried: list[int]
    num_out_of_memory: int = 0

    def read(self, question: Question) -> int:
        """Return how often memory ran out; on a GPU the allocator has counted."""
        if question.device == "cuda":
            return int(torch.cuda.memory_stats().get("num_ooms", 0))
        return self.num_out_of_memory


class Bench:
    """The network, rows and settings of a question in this process.

    Args:
        question: What is asked.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self.counters = Counters([])
        self._model = Store(Path(question.kb)).model(question.model)
        self.settings = Settings(**question.settings)
        self.max_length = question.max_length
        if question.device == "cpu":
            self._model = tiny_model(self._model)
            self.settings, self.max_length, _ = fit_to_cpu(self.settings, self.max_length)

    @property
    def model(self) -> Model:
        """Facts of the network; on a CPU of a tiny one."""
        return self._model

    def network(self) -> nn.Module:
        """Build the network; what runs through it is counted, and in a simulation held to the limit."""
        network = build_network(self._model, self.settings, tasks=1)
        network.register_forward_pre_hook(partial(_count, self.counters, self.question.limit_rows), with_kwargs=True)
        return network

    def rows(self, batch: int, network: nn.Module) -> TaskRows:
        """Return rows for a batch, more than are needed."""
        return TaskRows(
            Plan(
                family=self._model.family,
                tasks=1,
                mixing="interleaved",
                vocab_size=network.config.vocab_size,
                max_length=self.max_length,
                batch_size=batch,
                num_micro_batches=NUM_MICRO_BATCHES,
            )
        )

    def train(self, network: nn.Module, batch: int, *, num_steps: int, scratch: Path) -> list[float]:
        """Train a few optimizer steps without accumulation; return their times in seconds."""
        settings = replace(
            self.settings,
            per_device_train_batch_size=batch,
            per_device_eval_batch_size=1,
            gradient_accumulation_steps=1,
        )
        arguments = training_arguments(
            settings, num_steps=num_steps, output_dir=scratch, use_cpu=self.question.device == "cpu"
        )
        steps = train(network, arguments, train_rows=self.rows(batch, network), eval_rows=self._one_row(network))
        return [step.time_s for step in steps]

    def _one_row(self, network: nn.Module) -> TaskRows:
        rows = self.rows(1, network)
        return TaskRows(replace(rows.plan, num_micro_batches=1))


def _count(
    counters: Counters, limit_rows: int | None, module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]
) -> None:
    """Note the batch of a training pass; stand in for the memory of a GPU where there is none."""
    if not module.training:
        return
    rows = len(named["input_ids"] if "input_ids" in named else arguments[0])
    if not counters.tried or counters.tried[-1] != rows:
        counters.tried.append(rows)
    if limit_rows is not None and rows > limit_rows:
        counters.num_out_of_memory += 1
        raise torch.OutOfMemoryError(f"CUDA out of memory. Simulated: more than {limit_rows} rows.")


Work = Callable[[Bench, dict[str, Any], Path], int]
"""Finds a batch: from bench, options and a scratch folder to rows."""
