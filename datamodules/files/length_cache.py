"""Lengths of samples, kept on disk: counting tokens or reading headers can take minutes.

Sweeps, their continuations and trainings all need them. Files are named by a fingerprint of the
data; they are in the folder `$XDG_CACHE_HOME/tipping-point`, which may be deleted.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.files.writing import whole_file

Lengths = NDArray[np.int32]
# Goes up when the same data would be counted differently: what older programs kept is left alone.
READING = 3


def cached_lengths(key: str, num_samples: int, count: Callable[[], Lengths]) -> Lengths:
    """Return the lengths kept under `key`, or count them and keep them.

    Args:
        key: Changes with whatever lengths depend on.
        num_samples: How many lengths there must be: others that are kept are damaged.
        count: Counts them.

    Returns:
        (num_samples,) int32.
    """
    path = _find_file(key)
    if path is None:
        return count()
    with contextlib.suppress(OSError, ValueError, EOFError):  # not there, or damaged: count
        kept: Lengths = np.load(path, allow_pickle=False)
        if kept.shape == (num_samples,):
            return kept
    lengths = count()
    with contextlib.suppress(OSError):  # a home that cannot be written costs time, nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            np.save(temporary, lengths)
    return lengths


def _find_file(key: str) -> Path | None:
    """Return the file of the lengths of `key`; None for a user without a home folder."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        folder = Path(cache_home).expanduser()
    except RuntimeError:
        return None
    return folder / "tipping-point" / f"lengths-{READING}-{key}.npy"
