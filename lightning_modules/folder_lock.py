"""A folder that one process writes into at a time."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

from lightning_modules.errors import ModelError

NAME = ".in_use"
Taken = TypeVar("Taken")


class FolderLock:
    """The lock of a folder; the system gives it back when the process ends, however it ends.

    Args:
        folder: Made if need be.
        setting: What the message calls the folder.

    Raises:
        ModelError: Another process has the lock, or the file system has no locks.
    """

    def __init__(self, folder: str | Path, setting: str = "folder") -> None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / NAME
        try:
            self._file = self._lock()
        except BlockingIOError as error:
            raise ModelError(
                f"`{setting}` must be a folder that no other process writes into, got {folder}: "
                "wait for that one, or give another folder"
            ) from error
        except OSError as error:
            if error.filename is not None:  # not of the lock, but of its file
                raise
            raise ModelError(
                f"`{setting}` must be a folder of a file system that can lock files, got {folder}: "
                f"{error.strerror}"
            ) from error

    def _lock(self) -> IO[str]:
        while True:
            file = self._path.open("a")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                raise
            # Whoever had it may have removed the file between the two calls.
            if self._path.exists() and os.path.samestat(self._path.stat(), os.fstat(file.fileno())):
                return file
            file.close()

    def release(self) -> None:
        """Give the lock back; without it the file would be in the way of nobody, but in sight."""
        if not self._file.closed:
            self._path.unlink(missing_ok=True)
            self._file.close()


def take_in_first(trainer: Any, take: Callable[[], Taken]) -> Taken | None:
    """Let the first process take a folder, before any other goes on.

    Args:
        trainer: Of Lightning; all of its processes must call this.
        take: Is called in the first process.

    Returns:
        What `take` returned; None in the other processes.

    Raises:
        ModelError: The first process was refused: then no other goes on either.
    """
    taken: Taken | None = None
    problem: Exception | None = None
    if trainer.is_global_zero:
        try:
            taken = take()
        except Exception as error:  # of any kind: the others wait to hear of it
            problem = error
    told = trainer.strategy.broadcast(None if problem is None else str(problem))
    if problem is not None:
        raise problem
    if told is not None:
        raise ModelError(told)
    return taken
