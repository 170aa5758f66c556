"""A Trainer that says and saves nothing, and loaders of batches made by hand."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lightning
from torch.utils.data import DataLoader


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
