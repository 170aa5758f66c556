"""What happens where a run directory, or a file, cannot be written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from profiling.errors import SettingsError


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Turn what the system refuses into one sentence: a full disk, a quota, a folder to read only.

    Args:
        directory: What is written into.

    Raises:
        SettingsError: The system refused.
    """
    try:
        yield
    except OSError as problem:
        raise SettingsError(
            f"`out` must be a folder to write to, got {directory}: {problem}"
        ) from problem


def check_writable(setting: str, path: Path) -> None:
    """Refuse a file that could not be written, before the long work that comes first.

    Raises:
        SettingsError: It is a folder, or its folder is not there or not to be written to.
    """
    try:
        problem = _problem_of(path)
    except OSError as error:  # one may not look into a folder above it
        problem = error.strerror or str(error)
    if problem:
        raise SettingsError(f"`{setting}` {path} cannot be written: {problem}")


def _problem_of(path: Path) -> str | None:
    """Return why a file cannot be written, or None."""
    if path.is_dir():
        return "it is a folder"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    if not os.access(path.parent, os.W_OK):
        return f"the folder {path.parent} is not to be written to"
    return None
