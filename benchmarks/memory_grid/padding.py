"""Rows of which one in each micro-batch ends in padding."""

from typing import Any

import torch

from recipe_kb.training.data import Plan, TaskRows

PADDED_SHARE = 0.25
"""Share of the last row that is padding. Any would do: what costs memory is that a mask is there at all."""

IGNORED_LABEL = -100
"""What cross entropy leaves out, in torch as in transformers' collators."""


class PaddedRows(TaskRows):
    """`TaskRows` whose last row of each micro-batch is shorter than its tensor.

    transformers drops a mask of nothing but ones; with these rows it is built and used, at the same length.
    """

    def __init__(self, plan: Plan, pad_token_id: int | None) -> None:
        super().__init__(plan)
        self._pad_token_id = pad_token_id

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = super().__getitem__(index)
        if (index + 1) % self.plan.batch_size:
            return row
        start = round((1 - PADDED_SHARE) * self.plan.max_length)
        fill = {"attention_mask": 0, "labels": IGNORED_LABEL, "input_ids": self._pad_token_id}
        padded = {name: _ended(row[name], start, value) for name, value in fill.items() if value is not None}
        return row | padded


def _ended(tensor: torch.Tensor, start: int, value: int) -> torch.Tensor:
    """Copy a tensor (..., L) and set all of it from `start` on."""
    copy = tensor.clone()
    copy[..., start:] = value
    return copy
