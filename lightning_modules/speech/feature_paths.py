"""Where the features of a recording are written: names of recordings are data, not paths."""

import hashlib
import os
from pathlib import Path, PurePosixPath

ENDING = ".npy"
LONGEST_BYTES = 255  # of a part of a path, on usual file systems
READABLE_CHARACTERS = 40


def feature_path(folder: Path, name: str) -> Path:
    """Return the file for the features of a recording, another one for every name.

    Args:
        folder: All files are in it.
        name: Of the recording.

    Returns:
        `<name>.npy`, as in `a.wav.npy`, at the place in the folder that the recording has in its
        own. Where a name leads out of the folder, or can be written in other ways, such as
        `a/../b.wav`, or is too long, a file directly in the folder, of the end of the name and a
        hash of all of it.
    """
    path = PurePosixPath(name)
    if _is_own_path(path, name):
        return folder / f"{name}{ENDING}"
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return folder / f"{path.name[-READABLE_CHARACTERS:].lstrip('.')}-{digest}{ENDING}"


def _is_own_path(path: PurePosixPath, name: str) -> bool:
    if path.is_absolute() or ".." in path.parts or str(path) != name:
        return False
    parts = (*path.parts[:-1], path.name + ENDING)
    return all(len(os.fsencode(part)) <= LONGEST_BYTES for part in parts)
