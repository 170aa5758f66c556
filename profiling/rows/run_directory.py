"""A run directory: rows that are never lost or doubled."""

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import Any, Self

from profiling.errors import SettingsError
from profiling.rows.columns import Row, wrong_column
from profiling.rows.files import write_atomically

ROWS = "measurements.jsonl"
MANIFEST = "manifest.json"
# All that a sweep writes: `fresh` removes these and nothing else, whatever folder `out` names.
OURS = (
    ROWS,
    MANIFEST,
    "tipping_points.json",
    "tipping_points.csv",
    "report.html",
    "figures",
    "tensorboard",
    "batches",
)


def read_rows(directory: Path) -> list[Row]:
    """Return the last row of every (key, visit), oldest first; a torn last line is dropped.

    Raises:
        SettingsError: There are no measurements, or one line is damaged.
    """
    path = directory / ROWS
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError(
            f"`{directory}` must be a run directory with a readable {ROWS}, got: {problem}"
        ) from problem
    rows: dict[tuple[str, int], Row] = {}
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        row = _parse(line, path, number)
        rows.pop((row["key"], row["visit"]), None)  # the last place counts too, not the first
        rows[row["key"], row["visit"]] = row
    return list(rows.values())


def _parse(line: str, path: Path, number: int) -> Row:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise SettingsError(f"`{path}` line {number} must be a measurement, got {line[:60]!r}")
    if wrong := wrong_column(row):
        raise SettingsError(f"`{path}` line {number} must be a measurement, but its {wrong}")
    return row


def read_manifest(directory: Path) -> dict[str, Any]:
    """Return the manifest, an empty one when there is none.

    Raises:
        SettingsError: The file is damaged.
    """
    path = directory / MANIFEST
    if not path.exists():
        return {}
    try:
        manifest = json.loads(path.read_text())
    except (OSError, ValueError) as problem:
        raise SettingsError(f"`{path}` must be a JSON map, got: {problem}") from problem
    if not isinstance(manifest, dict):
        raise SettingsError(f"`{path}` must be a JSON map, got a {type(manifest).__name__}")
    return manifest


class RunDirectory:
    """The rows of a sweep, appended as they are measured, under a lock while it is open."""

    def __init__(self, path: Path, fresh: bool = False) -> None:
        """Open or make the directory and lock it; `fresh` forgets what was measured before.

        Raises:
            SettingsError: It cannot be written, is in use, or holds damaged measurements.
        """
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / "lock").open("w")
        except OSError as problem:
            raise SettingsError(
                f"`out` must be a folder to write to, got {path}: {problem}"
            ) from problem
        self._take_lock()
        if fresh:
            self._forget()
        self._drop_torn_line()
        self.rows = read_rows(path) if (path / ROWS).exists() else []

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            self._lock.close()
            raise SettingsError(f"`{self.path}` is in use by another sweep") from problem

    def _forget(self) -> None:
        for name in OURS:
            entry = self.path / name
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    def _drop_torn_line(self) -> None:
        path = self.path / ROWS
        if not path.exists():
            return
        with path.open("rb+") as file:
            content = file.read()
            file.truncate(content.rfind(b"\n") + 1)

    def append(self, row: Row) -> None:
        """Add one row and see it safe on the disk before returning."""
        with (self.path / ROWS).open("a") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())
        same = (row["key"], row["visit"])
        self.rows[:] = [old for old in self.rows if (old["key"], old["visit"]) != same] + [row]

    def write_manifest(self, manifest: Row) -> None:
        """Write `manifest.json`, whole or not at all."""
        write_atomically(self.path / MANIFEST, json.dumps(manifest, indent=2) + "\n")

    def __enter__(self) -> Self:
        """Return the open directory."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        self._lock.close()
