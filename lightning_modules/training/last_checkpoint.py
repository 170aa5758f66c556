"""Keeps the last checkpoint of a run the end of it."""

from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint


class LastCheckpoint(Callback):
    """Saves the last checkpoint (`save_last: true`) behind the last batch, whichever step that is.

    Lightning saves it together with others: the steps after the last multiple of
    `every_n_train_steps`, or after the last validation, would be in none. That `max_steps`,
    `max_epochs` or `max_time` ends the run is known behind that batch. Where a figure ends it, as
    with EarlyStopping, the last checkpoint may be older: such a run is after its best one.

    Where `max_time` is over while gradients are accumulated, the run goes on to their step, and so
    does one that is to save by time (`train_time_interval`): no checkpoint has them, so a run that
    goes on would take that step with a part of its batches.
    """

    def __init__(self) -> None:
        self._stops = False  # behind the next step
        # Of those that save by time and wait for the next step: when they saved before.
        self._saved_at: dict[ModelCheckpoint, float | None] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Come after all others: behind a batch, some stop the training and some save it."""
        others = [each for each in trainer.callbacks if each is not self]  # type: ignore[attr-defined]
        trainer.callbacks = [*others, self]  # type: ignore[attr-defined]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Where no batch is left to be trained on, save nothing anew at the end."""
        self._stops = False
        self._saved_at.clear()
        if trainer.fit_loop.done:
            for saver in _savers(trainer):
                saver._last_checkpoint_saved = str(trainer.ckpt_path)

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        """Let those that save by time wait where the batch brings no step."""
        for saver in _savers(trainer):
            if saver._train_time_interval is None:
                continue
            if trainer.fit_loop._should_accumulate():
                self._saved_at.setdefault(saver, saver._last_time_checked)
                saver._last_time_checked = None  # without it no time is ever over
            elif saver in self._saved_at:
                saver._last_time_checked = self._saved_at.pop(saver)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save where this batch is the last one: before its validation, as steps are saved.

        What callbacks save after that validation, or at the end of the epoch, they save as well.
        """
        self._stop_behind_a_step(trainer)
        if trainer.fast_dev_run or not _ends(trainer):  # type: ignore[attr-defined]
            return
        for saver in _savers(trainer):
            saved = saver._last_global_step_saved
            if saver.save_last is True and saved != trainer.global_step:
                saver._save_last_checkpoint(trainer, saver._monitor_candidates(trainer))
                saver._last_global_step_saved = saved

    def _stop_behind_a_step(self, trainer: Trainer) -> None:
        loop = trainer.fit_loop
        self._stops |= trainer.should_stop and loop._can_stop_early
        if self._stops:
            trainer.should_stop = not loop._should_accumulate()


def _savers(trainer: Trainer) -> list[ModelCheckpoint]:
    return [each for each in trainer.checkpoint_callbacks if isinstance(each, ModelCheckpoint)]


def _ends(trainer: Trainer) -> bool:
    """Return whether the batch that was just trained on is the last one of the run."""
    took_all_steps = 0 < trainer.max_steps <= trainer.global_step
    stops = trainer.should_stop and trainer.fit_loop._can_stop_early
    num_epochs = trainer.max_epochs
    is_last_epoch = num_epochs is not None and 0 < num_epochs <= trainer.current_epoch + 1
    return took_all_steps or stops or (is_last_epoch and trainer.is_last_batch)
