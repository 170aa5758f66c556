"""A run directory: rows that are never lost or doubled."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Self

from datamodules.files.writing import write_text
from profiling.errors import SettingsError
from profiling.rows.columns import Row
from profiling.rows.files import writing
from profiling.rows.frontier import FRONTIER
from profiling.rows.locks import Shard, ShardLock, locked, make_lock_folder, turn_of_this_machine
from profiling.rows.reading import MANIFEST, ROWS, SENTINEL, RowFile, newest_rows, read_manifest

# All that a sweep writes: `fresh` removes these and nothing else, whatever folder `out` names.
BATCHES = "batches"  # which every plan stores anew
OURS = (
    ROWS,
    SENTINEL,
    FRONTIER,
    MANIFEST,
    "tipping_points.json",
    "tipping_points.csv",
    "report.html",
    "figures",
    "tensorboard",
)


def reporting(directory: Path) -> AbstractContextManager[None]:
    """Hold the lock of a report while rows are read for it and it is built."""
    return locked(make_lock_folder(directory) / "report")


class RunDirectory:
    """The rows of a sweep, appended as they are measured; shards of one sweep may share it.

    A lock keeps everybody else away from the shard while it is open. The files are locked as well,
    but only for as long as something is written.

    Attributes:
        rows: The last row of every (key, visit), those that other shards appended up to the last
            `append` or `learn` included. The list stays the same one.
    """

    def __init__(self, path: Path, fresh: bool = False, shard: Shard = (1, 1)) -> None:
        """Open or make the directory and lock the shard.

        Args:
            path: The directory.
            fresh: Forget what was measured before: nothing is read of it, and `begin` removes it.
            shard: Which part of a sweep is measured, as (part, parts).

        Raises:
            SettingsError: It cannot be written or is in use, or one part is to forget all.
        """
        self.path = path
        if fresh and shard != (1, 1):
            raise SettingsError(
                "`fresh` must not be given with `shard`, which would forget what other shards have "
                "measured: choose another `out`, or begin without `shard`"
            )
        self._lock = ShardLock(path, shard)
        self._locks = make_lock_folder(path)
        self._file = RowFile(path / ROWS)
        self.rows: list[Row] = []
        self._forgets = fresh
        with self._writing():
            if fresh:
                self._remove(BATCHES)
            else:
                self._drop_torn_line(ROWS)
        if not fresh:
            self.learn()

    def begin(self) -> None:
        """Remove what was measured before if the directory was opened `fresh`, else nothing.

        Call it once settings, data and machine are checked: a mistake there costs no rows. What a
        model alone can refuse, such as token ids that it has not, costs them still.
        """
        if self._forgets:
            with writing(self.path), reporting(self.path):
                self._remove(*OURS)
            self._forgets = False

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with writing(self.path), locked(self._locks / "writing"):
            yield

    def turn(self) -> AbstractContextManager[None]:
        """Wait, asleep, until no other shard is measured on this machine; then be the one."""
        return locked(turn_of_this_machine(self._locks))

    def _remove(self, *names: str) -> None:
        for name in names:
            entry = self.path / name
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    def _drop_torn_line(self, name: str) -> None:
        """Cut off what a process that was killed had not finished, under the lock of writing."""
        path = self.path / name
        if not path.exists():
            return
        with path.open("rb+") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            if end and file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)

    def append(self, *rows: Row) -> None:
        """Add rows, all at once, and see them safe on the disk before returning.

        Raises:
            SettingsError: They cannot be written; what is there of them may lack the last ones.
        """
        self._append_lines(ROWS, rows)
        self.learn()

    def append_sentinel(self, reading: Row) -> None:
        """Add one reading of the sentinel, to a file of its own, and see it safe on the disk."""
        self._append_lines(SENTINEL, [reading])

    def append_search(self, row: Row) -> None:
        """Add one row of the frontier, to a file of its own, and see it safe on the disk."""
        self._append_lines(FRONTIER, [row])

    def _append_lines(self, name: str, rows: Sequence[Row]) -> None:
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        with self._writing():
            self._drop_torn_line(name)
            with (self.path / name).open("ab") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())

    def learn(self) -> None:
        """Take in what was appended since the last time, by other shards too."""
        if new := self._file.read_new():
            self.rows[:] = newest_rows([*self.rows, *new])

    def change_manifest(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bool:
        """Replace `manifest.json` by what `change` makes of it; return whether that is new.

        It is read and written under a lock, so that nothing is lost of what other shards write.

        Raises:
            SettingsError: The file is damaged.
        """
        with self._writing():
            before = read_manifest(self.path)
            after = json.dumps(change(before), indent=2)
            if after == json.dumps(before, indent=2):
                return False
            write_text(self.path / MANIFEST, after + "\n")
            return True

    def close(self) -> bool:
        """Unlock the shard; return whether it is the last one, so that the report is its task."""
        return self._lock.release()

    def __enter__(self) -> Self:
        """Return the open directory."""
        return self

    def __exit__(self, *_: object) -> None:
        """Unlock the shard."""
        self.close()
