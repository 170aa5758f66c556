"""Locks between processes that share a run directory.

They are files that the system unlocks when the process ends that holds them, however it ends. A
process that waits for one sleeps.
"""

import fcntl
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from profiling.errors import SettingsError
from profiling.rows.files import writing
from profiling.rows.own_process import PROC

FOLDER = ".locks"
Shard = tuple[int, int]
"""Part and number of parts, counted from 1; (1, 1) is all of a sweep."""


def make_lock_folder(directory: Path) -> Path:
    """Return the folder of the locks of a run directory; both are made if need be.

    Raises:
        SettingsError: They cannot be written.
    """
    folder = directory / FOLDER
    with writing(directory):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "shards").touch()
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, and wait for it if need be.

    Raises:
        SettingsError: It cannot be written.
    """
    try:
        file = path.open("a")
    except OSError as problem:
        raise SettingsError(f"`{path.parent}` must be a folder to write to: {problem}") from problem
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def turn_of_this_machine(folder: Path) -> Path:
    """Return the file whose lock means: nothing else is timed on this machine.

    Machines that share the folder have files of their own. The name is that of the running
    kernel, which containers on it share.
    """
    try:
        name = (PROC / "sys/kernel/random/boot_id").read_text()
    except OSError:
        name = platform.node()
    return folder / f"turn-{re.sub(r'[^A-Za-z0-9-]', '', name)}"


class ShardLock:
    """One lock per shard: the same part is never measured twice at once.

    Parts of one whole may be measured side by side. Parts of different wholes would share points,
    so they exclude each other, and the whole, which is part 1 of 1, excludes them all.
    """

    def __init__(self, directory: Path, shard: Shard) -> None:
        """Take the lock of a shard.

        Raises:
            SettingsError: It, or a shard of another whole, is being measured.
        """
        self._folder = make_lock_folder(directory)
        part, parts = shard
        with writing(directory), locked(self._folder / "shards"):
            for other in _held(self._folder):
                if other[1] != parts or other == shard:
                    raise SettingsError(f"`{directory}` is in use by another sweep{_named(other)}")
            self._file = (self._folder / f"shard-{part}-of-{parts}").open("a")
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def release(self) -> bool:
        """Give the lock back; return whether no other shard is being measured."""
        with writing(self._folder.parent), locked(self._folder / "shards"):
            self._file.close()
            return not _held(self._folder)


def _named(shard: Shard) -> str:
    return "" if shard == (1, 1) else f", of `shard` {shard[0]}/{shard[1]}"


def _held(folder: Path) -> list[Shard]:
    """Return the shards that are being measured; nobody else may be looking."""
    found = []
    for path in sorted(folder.glob("shard-*-of-*")):
        numbers = re.fullmatch(r"shard-(\d+)-of-(\d+)", path.name)
        with path.open("a") as file:
            if numbers and not _try_lock(file):
                found.append((int(numbers[1]), int(numbers[2])))
    return found


def _try_lock(file: IO[Any]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
