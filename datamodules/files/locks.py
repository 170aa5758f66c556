"""Locks between processes, also of several machines that share a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, and wait for it if need be.

    The system gives it back when the process ends, however it ends.

    Args:
        path: The file, in a folder that exists; it is made, and removed in the end.

    Raises:
        OSError: It cannot be written, or its file system has no locks.
    """
    while True:
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever held it before has removed the file that was waited for.
            if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return
