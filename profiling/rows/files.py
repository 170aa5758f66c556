"""What happens where a run directory cannot be written."""

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
