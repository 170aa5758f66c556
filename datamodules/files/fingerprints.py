"""A short text that changes when data change."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

Stamp = tuple[str, int, int]  # name, bytes, time of change in ns


def fingerprint_of(settings: Mapping[str, object], stamps: Iterable[Stamp] = ()) -> str:
    """Hash settings together with the names, sizes and times of change of files."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for stamp in stamps:
        digest.update(json.dumps(stamp).encode())
    return digest.hexdigest()[:16]


def stamp_file(path: Path) -> Stamp:
    """Return name, size and time of change of a file; size -1 when it is not there."""
    try:
        status = path.stat()
    except OSError:
        return (str(path), -1, 0)
    return (str(path), status.st_size, status.st_mtime_ns)
