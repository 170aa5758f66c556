"""A monitor that nobody logs is said before training."""

import warnings
from pathlib import Path

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from lightning_modules.training.monitors import MonitorWarning
from lightning_modules.training.pending_validation import PendingValidation
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


class Ends(Validated):
    """Logs one more figure when an epoch ends."""

    def on_train_epoch_end(self) -> None:
        self.log("late", 1.0)


class Starts(lightning.Callback):
    """Counts the batches that were trained when a warning came."""

    def __init__(self, said: list[warnings.WarningMessage]) -> None:
        self.said = said
        self.batches: list[int] = []

    def on_train_batch_start(self, trainer: lightning.Trainer, *_: object) -> None:
        if _sentences(self.said):
            self.batches.append(trainer.global_step)


def _sentences(caught: list[warnings.WarningMessage]) -> list[str]:
    return [str(one.message) for one in caught if "must be a metric that" in str(one.message)]


def _said_of(tmp_path: Path, monitor: str, **settings: object) -> tuple[list[str], int | None]:
    """Train two epochs of three batches; return what was said, and before which step."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        saved = ModelCheckpoint(tmp_path, monitor=monitor, every_n_train_steps=6)
        starts = Starts(caught)
        built = trainer(
            tmp_path,
            enable_checkpointing=True,
            callbacks=[MonitorWarning(), saved, starts],
            max_epochs=2,
            **settings,
        )
        batches = loader([tokens(2, 5)] * 3)
        built.fit(Ends(), batches, batches)
    return _sentences(caught), starts.batches[0] if starts.batches else None


@pytest.mark.parametrize(
    ("monitor", "settings", "before_step"),
    [
        ("train_lose", {"limit_val_batches": 0}, 1),
        ("val_loss", {"limit_val_batches": 0}, 0),
        ("train_lose", {"limit_val_batches": 0, "accumulate_grad_batches": 3}, 1),
    ],
)
def test_a_monitor_that_nobody_logs_is_said_once_as_early_as_it_is_known(
    tmp_path: Path, monitor: str, settings: dict[str, object], before_step: int
) -> None:
    (said,), step = _said_of(tmp_path, monitor, **settings)
    assert f"got {monitor!r}" in said
    assert step == before_step


def test_a_monitor_that_only_a_validation_could_log_is_said_after_the_first_epoch(
    tmp_path: Path,
) -> None:
    (said,), step = _said_of(tmp_path, "lose", num_sanity_val_steps=0)
    assert "got 'lose', which the first epoch did not log; it logged: late, train_loss" in said
    assert step == 3


@pytest.mark.parametrize("monitor", ["train_loss", "val_loss", "late"])
def test_nothing_is_said_of_a_monitor_that_was_logged_by_the_end_of_an_epoch(
    tmp_path: Path, monitor: str
) -> None:
    said, _ = _said_of(tmp_path, monitor, num_sanity_val_steps=0)
    assert not said


def test_nothing_is_said_of_a_figure_of_the_training_where_only_a_validation_is_repeated(
    tmp_path: Path,
) -> None:
    def said(resumed: Path | None) -> list[str]:
        saved = ModelCheckpoint(tmp_path, every_n_train_steps=1, filename="saved")
        callbacks = [PendingValidation(), MonitorWarning(), EarlyStopping("train_loss"), saved]
        built = trainer(tmp_path, enable_checkpointing=True, callbacks=callbacks, max_steps=3)
        batches = loader([tokens(2, 5)] * 3)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            built.fit(Validated(), batches, batches, ckpt_path=resumed, weights_only=True)
        return _sentences(caught)

    assert not said(None)
    assert not said(tmp_path / "saved.ckpt")
