"""Which samples of a data set are used for what."""

from collections.abc import Sequence

import numpy as np


def hold_out(count: int, fraction: float) -> tuple[list[int], list[int]]:
    """Split sample indices into training and validation, always in the same way.

    The validation samples, at least one, are the last of a fixed shuffle: the last files of a
    folder are often all of one speaker or class.
    """
    order = np.random.default_rng(0).permutation(count)
    held_out = max(1, round(count * fraction))
    return sorted(order[:-held_out].tolist()), sorted(order[-held_out:].tolist())


def order_by_nearness(lengths: Sequence[int], target: int) -> list[int]:
    """Return all indices, nearest length first, ties to the longer, then to the first."""
    values = np.asarray(lengths, dtype=np.int64)
    order: list[int] = np.lexsort((-values, np.abs(values - target))).tolist()
    return order
