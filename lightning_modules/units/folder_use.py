"""Keeps a second `labels` out of the folder of one that is at work."""

from collections.abc import Callable
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from lightning_modules.folder_lock import FolderLock, take_in_first


class LabelFolderUse(Callback):
    """The lock of a folder of labels, which is given back after a mistake too.

    Without it two runs would each fit a k-means there. The later one would replace that of the
    other, whose labels would then be of a k-means that is gone.

    Args:
        folder: Made if need be.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._lock: FolderLock | None = None

    def take(self, trainer: Any, is_labelled: Callable[[str], bool]) -> None:
        """Take the lock in the first process, before any other goes on.

        A folder that is complete stays free: nothing is written there, and it may be read-only.

        Args:
            trainer: Of Lightning; all of its processes must call this.
            is_labelled: Tells whether a folder is complete.

        Raises:
            ModelError: Another run has it: then no process goes on.
        """

        def lock() -> FolderLock | None:
            return None if is_labelled(self.folder) else FolderLock(self.folder)

        self._lock = take_in_first(trainer, lock)

    def release(self) -> None:
        """Give the lock back, where this process has it."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: Any, exception: BaseException
    ) -> None:
        """Give the lock back: Lightning tears no module down after a mistake."""
        self.release()
