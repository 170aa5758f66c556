"""Which samples of a data set are used for what."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

HASH_BYTES = 8


def hold_out(identities: Iterable[str], fraction: float) -> tuple[list[int], list[int]]:
    """Split sample indices into training and validation, each sample by its own identity.

    A sample stays on its side when others come, go or change places: where it stood among them
    would put samples that were trained on among those of validation. So the share that is held out
    is `fraction` only on average. Samples of one identity are on one side.

    Args:
        identities: What tells each sample from the others, such as the name of its file.
        fraction: Share of all possible identities that is held out.

    Returns:
        Places of the training samples, and of those held out. At least one is held out; where there
        are two identities, at least one is trained on.
    """
    draws = np.fromiter(map(_draw, identities), np.float64)
    held_out = draws < fraction
    if not held_out.any():
        held_out = draws == draws.min()
    elif held_out.all() and draws.min() < draws.max():
        held_out = draws < draws.max()
    return np.flatnonzero(~held_out).tolist(), np.flatnonzero(held_out).tolist()


def _draw(identity: str) -> float:
    """Return a number from 0 to 1 that looks like chance, and is always the same for a text."""
    # Texts may have lone surrogates: a JSON file, or a file name of bytes that are no UTF-8.
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:HASH_BYTES], "big") / (1 << 8 * HASH_BYTES)


def order_by_nearness(lengths: Sequence[int], target: int) -> list[int]:
    """Return all indices, nearest length first, ties to the longer, then to the first."""
    values = np.asarray(lengths, dtype=np.int64)
    order: list[int] = np.lexsort((-values, np.abs(values - target))).tolist()
    return order
