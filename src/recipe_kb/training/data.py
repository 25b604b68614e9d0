"""Synthetic rows that can be learned, always at full length: the worst case for memory.

Every task has one micro-batch of rows, which returns each time the task's turn comes.
Two stretches of a run are then compared on the same rows, and a few steps can tell progress from chance.

Shapes: B rows of a micro-batch, L tokens, T tasks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.utils.data import Dataset

from recipe_kb.resolve.rules import NUM_LABELS
from recipe_kb.schema.base import TaskMixing
from recipe_kb.training.network import SEED

TOKENS_PER_TASK = 64
"""Size of a task's own vocabulary: small, so that each token is seen several times in a micro-batch."""

OUTSIDE_SHARE = 0.7
"""Share of that vocabulary with label 0; named entity corpora are skewed so, and the skew is learned first."""

PATTERN_TOKENS = 8
"""Length of the pattern that a causal language model's row repeats."""

RESERVED_TOKENS = 1000
"""Ids left out where the vocabulary has room: padding and other special tokens are among the first
(id 1 is padding in RoBERTa, whose position ids count the tokens that are not)."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the rows are for; sizes are counts, `max_length` in tokens.

    `mixing` is `joint` only for an encoder with several tasks: a causal language model has one head, and its
    tasks simply take turns.
    """

    family: Literal["encoder", "decoder"]
    tasks: int
    mixing: TaskMixing
    vocab_size: int
    max_length: int
    batch_size: int
    num_micro_batches: int
    seed: int = SEED


class TaskRows(Dataset):  # type: ignore[misc]  # torch is untyped here
    """The rows of all micro-batches, in the order in which a sequential sampler must take them.

    Interleaved: row i belongs to micro-batch i // B, and that to the task whose turn it is; tensors (L,).
    Joint: row i holds one row of every task; tensors (T, L).
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        make = _tagged_rows if plan.family == "encoder" else _repeating_rows
        tensors = [make(plan, task) for task in range(plan.tasks)]
        self._input_ids = torch.stack([ids for ids, _ in tensors])  # (T, B, L)
        self._labels = torch.stack([labels for _, labels in tensors])

    def __len__(self) -> int:
        return self.plan.num_micro_batches * self.plan.batch_size

    def __getitem__(self, index: int) -> dict[str, Any]:
        micro_batch, row = divmod(index, self.plan.batch_size)
        if self.plan.mixing == "joint":
            return self._columns(self._input_ids[:, row], self._labels[:, row])
        task = micro_batch % self.plan.tasks
        return self._columns(self._input_ids[task, row], self._labels[task, row]) | {"task": task}

    @staticmethod
    def _columns(input_ids: torch.Tensor, labels: torch.Tensor) -> dict[str, Any]:
        return {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids), "labels": labels}


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Stack rows to a micro-batch.

    `task` stays a plain int: as a tensor it would have to come back from the GPU to choose the head.
    `Trainer` has dropped it already where the network does not take it.

    Raises:
        ValueError: Rows of two tasks meet, so the sampling was not sequential.
    """
    batch = {name: torch.stack([row[name] for row in rows]) for name in rows[0] if name != "task"}
    tasks = {row["task"] for row in rows if "task" in row}
    if len(tasks) > 1:
        raise ValueError(f"one micro-batch holds rows of tasks {sorted(tasks)}")
    return batch | ({"task": tasks.pop()} if tasks else {})


def _tagged_rows(plan: Plan, task: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw (B, L) tokens of the task's vocabulary, and the label that the task gives each token."""
    generator = torch.Generator().manual_seed(plan.seed + task)
    vocabulary = _draw_ids(plan.vocab_size, TOKENS_PER_TASK, generator)
    num_outside = round(OUTSIDE_SHARE * TOKENS_PER_TASK)
    label_of = torch.cat(
        [torch.zeros(num_outside, dtype=torch.long), 1 + torch.arange(TOKENS_PER_TASK - num_outside) % (NUM_LABELS - 1)]
    )
    drawn = torch.randint(TOKENS_PER_TASK, (plan.batch_size, plan.max_length), generator=generator)
    return vocabulary[drawn], label_of[drawn]


def _repeating_rows(plan: Plan, task: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Repeat the task's pattern over (B, L), each row from another place; the labels are the tokens."""
    generator = torch.Generator().manual_seed(plan.seed + task)
    pattern = _draw_ids(plan.vocab_size, PATTERN_TOKENS, generator)
    positions = torch.arange(plan.max_length) + torch.arange(plan.batch_size).unsqueeze(1)
    input_ids = pattern[positions % PATTERN_TOKENS]
    return input_ids, input_ids


def _draw_ids(vocab_size: int, count: int, generator: torch.Generator) -> torch.Tensor:
    """Draw token ids, none of them reserved where the vocabulary is large enough."""
    reserved = min(RESERVED_TOKENS, vocab_size // 2)
    return torch.randint(reserved, vocab_size, (count,), generator=generator)
