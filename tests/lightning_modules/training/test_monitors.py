"""A monitor that nobody logs is said before training."""

import warnings
from pathlib import Path

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from lightning_modules.training.monitors import MonitorWarning
from tests.samples.fitting import TinyTokens, loader, tokens, trainer


class Validated(TinyTokens):
    """Logs a loss of the validation, and notes whether it was trained."""

    trained = False

    def training_step(self, batch: object, batch_idx: int) -> torch.Tensor:
        self.trained = True
        loss: torch.Tensor = self.loss(batch)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: object, batch_idx: int) -> None:
        self.log("val_loss", self.loss(batch))


class Stop(lightning.Callback):
    """Ends a run before its first batch."""

    def on_train_start(self, *_: object) -> None:
        raise KeyError("training began")


@pytest.mark.parametrize(
    ("monitor", "is_said"), [("val_lose", True), ("val_loss", False), ("train_loss", False)]
)
def test_a_monitor_of_the_validation_that_nobody_logs_is_said_before_training(
    tmp_path: Path, monitor: str, is_said: bool
) -> None:
    model = Validated()
    saved = ModelCheckpoint(tmp_path, monitor=monitor)
    built = trainer(
        tmp_path, enable_checkpointing=True, callbacks=[MonitorWarning(), saved, Stop()]
    )
    batches = loader([tokens(2, 5)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(KeyError):
            built.fit(model, batches, batches)
    said = [str(one.message) for one in caught if "it logged: val_loss" in str(one.message)]
    assert bool(said) == is_said
    assert not model.trained
