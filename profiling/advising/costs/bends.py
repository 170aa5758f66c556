"""Where a cost leaves the sum of powers, and by how much: for costs that hardly vary."""

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from profiling.advising.costs.tokens import Tokens
from profiling.analysis.statistics.intervals import Array

Bends = tuple[tuple[int, float], ...]
"""Measured lengths, ascending, with the factor by which the cost was larger than the sum there."""


def find_bends(lengths: Sequence[int], ratios: Array, tokens: Tokens) -> Bends:
    """Return the mean factor of each length; those that are padded to one count together.

    Args:
        lengths: Of what was measured.
        ratios: The measured costs over those of the sum of powers.
        tokens: How lengths become tokens.
    """
    together: dict[float, list[tuple[int, float]]] = {}
    places = zip(tokens.of(lengths), lengths, np.log(ratios), strict=True)
    for number, length, off in places:
        together.setdefault(float(number), []).append((length, float(off)))
    return tuple(
        (min(length for length, _ in same), float(np.exp(fmean(off for _, off in same))))
        for _, same in sorted(together.items())
    )


def factors_at(bends: Bends, of_length: Tokens, tokens: Array) -> Array:
    """Return the factors at so many tokens: between two bends a line in the logarithms.

    Beyond the ends it is that of the nearest; without bends it is 1.
    """
    if not bends:
        return np.ones_like(tokens)
    lengths, factors = np.array(bends, dtype=np.float64).T
    known = np.log(of_length.of(lengths))
    return np.asarray(np.exp(np.interp(np.log(tokens), known, np.log(factors))))
