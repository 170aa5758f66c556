"""Locks between processes, also of several machines that share a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datamodules.errors import DataError


@contextmanager
def locked(path: Path, setting: str) -> Iterator[None]:
    """Hold the lock of a file, and wait for it if need be.

    The system gives it back when the process ends, however it ends.

    Args:
        path: The file, in a folder that exists; it is made, and removed in the end.
        setting: What the message calls the folder.

    Raises:
        OSError: The file cannot be written.
        DataError: Its file system has no locks.
    """
    while True:
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                raise DataError(
                    f"`{setting}` needs a folder of a file system that can lock files, got "
                    f"{path.parent}: {error.strerror}"
                ) from error
            # Whoever held it before has removed the file that was waited for.
            if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return
