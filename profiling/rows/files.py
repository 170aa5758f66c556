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
    problem = None
    if path.is_dir():
        problem = "it is a folder"
    elif not path.parent.is_dir():
        problem = f"there is no folder {path.parent}"
    elif not os.access(path.parent, os.W_OK):
        problem = f"the folder {path.parent} is not to be written to"
    if problem:
        raise SettingsError(f"`{setting}` {path} cannot be written: {problem}")
