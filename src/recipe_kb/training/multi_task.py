"""One encoder, one token classification head per task.

Shapes: B rows of a micro-batch, L tokens, T tasks, H hidden size, C labels.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

HEAD_DROPOUT = 0.1
"""Dropout before each head (MT-DNN, arXiv:1901.11504 section 4.2; also BERT's default)."""


class MultiTaskEncoder(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """A shared encoder under T heads, trained interleaved or jointly by the shape of what it is given.

    Attributes:
        encoder: The only encoder; each task's gradients arrive here.
        heads: T times dropout and linear layer, H to C.
        config: The encoder's, where `Trainer` and peft look for it.
        _no_split_modules: The encoder's too: the layers that FSDP gathers one at a time.
    """

    def __init__(
        self, encoder: nn.Module, *, num_tasks: int, num_labels: int, head_dropout: float = HEAD_DROPOUT
    ) -> None:
        super().__init__()
        self.config = encoder.config
        self.encoder = encoder
        self._no_split_modules = getattr(encoder, "_no_split_modules", None)
        dtype = next(encoder.parameters()).dtype
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Dropout(head_dropout), nn.Linear(self.config.hidden_size, num_labels, dtype=dtype))
            for _ in range(num_tasks)
        )
        for head in self.heads:
            # As transformers initialises a classifier on top of a pretrained encoder.
            nn.init.normal_(head[1].weight, std=self.config.initializer_range)
            nn.init.zeros_(head[1].bias)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None,
        labels: torch.Tensor,
        task: int | None = None,
    ) -> dict[str, Any]:
        """Compute the loss of one task, or the mean of the losses of all.

        Args:
            input_ids: (B, L) for one task; (B, T, L) for all of them. int64.
            attention_mask: Same shape; None where no row is padded.
            labels: Same shape, 0 to C-1.
            task: Which head; None means all, each on its own slice, one encoder pass per task.

        Returns:
            `loss`, scalar; `logits`, (B, L, C), in joint training a tuple of T of them.
        """
        if task is not None:
            logits = self._logits(input_ids, attention_mask, task)
            return {"loss": _loss(logits, labels), "logits": logits}
        # All graphs stay alive until the one backward pass: that is what joint training costs in memory.
        per_task = tuple(
            self._logits(input_ids[:, index], None if attention_mask is None else attention_mask[:, index], index)
            for index in range(len(self.heads))
        )
        losses = [_loss(logits, labels[:, index]) for index, logits in enumerate(per_task)]
        return {"loss": torch.stack(losses).mean(), "logits": per_task}

    def activation_checkpointing_enable(self, **options: Any) -> None:
        """Recompute the encoder's activations in the backward pass; `Trainer` calls this."""
        self.encoder.activation_checkpointing_enable(**options)

    def _logits(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None, task: int) -> torch.Tensor:
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.heads[task](hidden)


def _loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy over all tokens, in float32 as transformers' own token classification loss."""
    return functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())
