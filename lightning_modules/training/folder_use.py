"""Keeps two trainings out of one folder."""

from itertools import count
from pathlib import Path

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_warn

from lightning_modules.folder_lock import FolderLock, take_in_first


class FolderUse(Callback):
    """Locks the folders of checkpoints for as long as a training takes.

    Two trainings in one folder would overwrite each other's checkpoints, and go on from them. Of
    two that follow on each other the second one is told where its checkpoints will be: whoever
    looks for them under the usual name finds those of the first. Logs of two trainings in one
    folder mix, but none is lost.
    """

    def __init__(self) -> None:
        self._locks: list[FolderLock] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the locks, before anything is trained; all processes end where one is taken.

        Raises:
            ModelError: Another process trains in one of the folders.
        """
        take_in_first(trainer, lambda: self._lock(trainer))

    def _lock(self, trainer: Trainer) -> None:
        found = [getattr(callback, "dirpath", None) for callback in trainer.checkpoint_callbacks]
        for folder in sorted({Path(path).absolute() for path in found if path}):
            self._locks.append(FolderLock(folder, "dirpath"))
            # Of runs that were killed while they saved: nobody else writes here now.
            for unfinished in folder.glob(".*.ckpt.*.partial"):
                unfinished.unlink()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Warn where another run left its last checkpoint in the folder."""
        for callback in trainer.checkpoint_callbacks:
            path = _renamed_last(callback) if isinstance(callback, ModelCheckpoint) else None
            if path is not None:
                rank_zero_warn(
                    f"`dirpath` {path.parent} has the last checkpoint of another run, so that of "
                    f"this run will be {path.name}: give this run a `dirpath`, and its logger a "
                    "`name`, of its own, or continue the other one with `ckpt_path`"
                )

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Give the locks back."""
        while self._locks:
            self._locks.pop().release()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Give the locks back after a mistake too."""
        self.teardown(trainer, pl_module, "fit")


def _renamed_last(callback: ModelCheckpoint) -> Path | None:
    """Return where Lightning will save the last checkpoint; None where that is the usual place.

    What was trained before in this process replaces its own last checkpoint.
    """
    if not (callback.save_last and callback._enable_version_counter) or callback.last_model_path:
        return None

    def path(version: int | None = None) -> Path:
        return Path(callback.format_checkpoint_name({}, callback.CHECKPOINT_NAME_LAST, version))

    if not path().exists():
        return None
    return next(path(n) for n in count(callback.STARTING_VERSION) if not path(n).exists())
