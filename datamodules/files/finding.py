"""Finding the files of a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from datamodules.errors import DataError


def resolve_source(source: str) -> Path:
    """Return the path of a `source` that must be on this machine.

    Raises:
        DataError: It is empty: that would be the folder a command is run in.
    """
    if not source.strip():
        raise DataError("`source` must be a path, got an empty one")
    return Path(source).expanduser()


def find_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files under a folder with one of these endings, sorted.

    Links to folders are followed; names that begin with a dot are not: they are other programs'.

    Raises:
        DataError: There is none.
    """
    files = sorted(_walk(folder, suffixes))
    if not files:
        raise DataError(f"`source` {folder} holds no files ending in {', '.join(suffixes)}")
    return files


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link that leads back to where it is
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(place, name)
            if not name.startswith(".") and path.suffix.lower() in suffixes and path.is_file():
                yield path
