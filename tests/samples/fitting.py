"""A Trainer that says and saves nothing, a small module, and loaders of batches made by hand."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lightning
import torch
from torch.utils.data import DataLoader


class TinyTokens(lightning.LightningModule):
    """An embedding and a head over eleven tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(11, 6)
        self.head = torch.nn.Linear(6, 11)

    def loss(self, batch: Any) -> torch.Tensor:
        """Return a loss of the tokens, if the batch has any, and of all weights."""
        tokens = batch["input_ids"] if isinstance(batch, dict) and "input_ids" in batch else None
        hidden = self.embedding.weight if tokens is None else self.embedding(tokens)
        found: torch.Tensor = self.head(hidden).square().mean()
        return found

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return self.loss(batch)

    def predict_step(self, batch: Any, batch_idx: int) -> Any:
        return self.loss(batch)

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def tokens(*shape: int) -> dict[str, torch.Tensor]:
    """Return a batch of zeros as `input_ids`."""
    return {"input_ids": torch.zeros(shape, dtype=torch.long)}


def loader(batches: Iterable[Any]) -> DataLoader[Any]:
    """Return a loader that hands out these batches as they are."""
    given: Any = batches
    return DataLoader(given, batch_size=None)


def trainer(folder: Path, **given: Any) -> lightning.Trainer:
    """Build a Trainer on the CPU, with these settings."""
    quiet: dict[str, Any] = {
        "accelerator": "cpu",
        "default_root_dir": folder,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return lightning.Trainer(**(quiet | given))


def fit(
    model: lightning.LightningModule, batches: Iterable[Any], folder: Path, **given: Any
) -> lightning.Trainer:
    """Train on these batches, once unless `given` says otherwise; return the Trainer."""
    length = {} if "max_steps" in given else {"max_epochs": 1}
    built = trainer(folder, **(length | given))
    built.fit(model, loader(batches))
    return built


def predict(
    model: lightning.LightningModule, batches: Iterable[Any], folder: Path, **given: Any
) -> list[Any]:
    """Return what is predicted for each batch."""
    found = trainer(folder, **given).predict(model, loader(batches))
    assert found is not None
    return found
