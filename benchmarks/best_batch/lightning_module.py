"""The question as Lightning wants it; the only module that imports Lightning when it is imported."""

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch.utils.data import DataLoader

from best_batch.question import Bench
from recipe_kb.training.data import collate


class TunedModule(LightningModule):  # type: ignore[misc]  # untyped here
    """The network with its rows; Lightning changes `batch_size`.

    Args:
        bench: Builds both.
    """

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        self.network = bench.network()
        self.batch_size = 2

    def training_step(self, batch: dict[str, Any], _index: int) -> torch.Tensor:
        """Return the loss; `task` is only for networks with several heads."""
        batch.pop("task", None)
        loss: torch.Tensor = self.network(**batch)["loss"]
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return AdamW, fused on a GPU but for fp16, whose scaler Lightning does not let clip beside it."""
        settings = self.bench.settings
        fused = self.bench.question.device == "cuda" and settings.precision != "fp16"
        return torch.optim.AdamW(self.network.parameters(), lr=settings.learning_rate, fused=fused)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return rows in batches of `batch_size`, loaded as the recipe says."""
        settings, rows = self.bench.settings, self.bench.rows(self.batch_size, self.network)
        return DataLoader(
            rows,
            batch_size=self.batch_size,
            collate_fn=collate,
            num_workers=settings.dataloader_num_workers,
            pin_memory=settings.dataloader_pin_memory,
        )
