"""Makes up for a validation that a killed run owed, and for the end of the epoch behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping


class PendingValidation(Callback):
    """Validates at a resume where the checkpoint was written just before a validation.

    Lightning takes such a validation for done, and its figures would be missing. Where the killed
    run came to the end of it, the same figures come out again. Callbacks that save or stop by a
    figure get it too, in the validation or at the end of its epoch, as they would have got it.

    A run that is stopped between two validations, as by `max_time`, validates before it ends. Its
    last checkpoint was saved before that, and does not know what the validation saved: without its
    figures a worse one would count as the best, and replace it.
    """

    def __init__(self) -> None:
        self._max_steps: int | None = None  # of a run that had taken all of them
        self._was_stopped = False

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Note that the run is being stopped."""
        if trainer.should_stop:
            checkpoint["callbacks"][self.state_key] = {"was_stopped": True}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let a run begin that has no step left to take: Lightning would not call anything."""
        self._was_stopped = self.state_key in checkpoint["callbacks"]
        if 0 < trainer.max_steps == checkpoint["global_step"]:
            self._max_steps = trainer.max_steps
            trainer.fit_loop.epoch_loop.max_steps += 1

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate before the first batch, as after the last one of the run that was killed."""
        self._give_limit_back(trainer)
        loop = trainer.fit_loop.epoch_loop
        fetcher = trainer.fit_loop._data_fetcher
        # Only then does the checkpoint's batch wait for what comes after it.
        if not loop.restarted_on_train_batch_end or fetcher is None:
            return
        ended = trainer.fit_loop.restarted_mid_epoch and loop.batch_progress.is_last_batch
        with _after_its_batch(trainer, ended):
            if not self._is_owed(trainer, fetcher):
                return
            trainer.validating = True
            loop.val_loop.restarting = False
            loop.val_loop.run()
            trainer.training = True
            if ended or self._was_stopped:
                _end_epoch(trainer, pl_module)

    def _is_owed(self, trainer: Trainer, fetcher: Any) -> bool:
        """Return whether Lightning validates behind this batch, as a run that stops there."""
        stops = trainer.should_stop
        trainer.should_stop = stops or self._was_stopped
        is_owed: bool = trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher)
        trainer.should_stop = stops
        return is_owed

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the limit back where the run did not begin for another reason."""
        self._give_limit_back(trainer)

    def _give_limit_back(self, trainer: Trainer) -> None:
        if self._max_steps is not None:
            trainer.fit_loop.epoch_loop.max_steps, self._max_steps = self._max_steps, None


@contextmanager
def _after_its_batch(trainer: Trainer, ended: bool) -> Iterator[None]:
    """Let the loops stand where they stood behind the batch; what is saved meanwhile says so.

    Lightning counts an epoch whose last batch was saved as over before anything is called.
    """
    epochs: Any = trainer.fit_loop.epoch_progress
    batches = trainer.fit_loop.epoch_loop.batch_progress
    kept = epochs.state_dict(), batches.state_dict()
    batches.increment_completed()
    if ended:
        for counted in (epochs.total, epochs.current):
            counted.processed -= 1
            counted.completed = counted.processed
    try:
        yield
    finally:
        epochs.load_state_dict(kept[0])
        batches.load_state_dict(kept[1])


def _end_epoch(trainer: Trainer, pl_module: LightningModule) -> None:
    """Tell callbacks that save or stop by a figure that the epoch is over.

    Not those that follow a figure of the training, whose sums died with the killed run.
    """
    trainer.fit_loop.epoch_progress.increment_processed()
    trainer.fit_loop.epoch_loop._batches_that_stepped += 1
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        monitor = getattr(callback, "monitor", None)
        is_known = monitor is None or monitor in trainer.callback_metrics
        if isinstance(callback, (Checkpoint, EarlyStopping)) and is_known:
            callback.on_train_epoch_end(trainer, pl_module)
    trainer.fit_loop.epoch_loop._batches_that_stepped -= 1
