"""Keeps two trainings out of one folder."""

from pathlib import Path

from lightning import Callback, LightningModule, Trainer

from lightning_modules.folder_lock import FolderLock


class FolderUse(Callback):
    """Locks the folders of checkpoints for as long as a training takes.

    Two trainings in one folder would overwrite each other's checkpoints, and go on from them. A
    folder of logs needs no lock: every logger of Lightning's takes a version of its own.
    """

    def __init__(self) -> None:
        self._locks: list[FolderLock] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the locks, before anything is trained.

        Raises:
            ModelError: Another process trains in one of the folders.
        """
        if not trainer.is_global_zero:
            return
        found = [getattr(callback, "dirpath", None) for callback in trainer.checkpoint_callbacks]
        for folder in sorted({Path(path).absolute() for path in found if path}):
            self._locks.append(FolderLock(folder, "dirpath"))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Give the locks back."""
        while self._locks:
            self._locks.pop().release()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Give the locks back after a mistake too."""
        self.teardown(trainer, pl_module, "fit")
