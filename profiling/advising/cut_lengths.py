"""The lengths of a data set as a model sees them: longer samples cut."""

from collections import Counter
from dataclasses import replace

from datamodules.lengths import LengthDistribution


def cut_lengths(distribution: LengthDistribution, max_length: int | None) -> LengthDistribution:
    """Return the same samples, those that are longer cut to `max_length`; None cuts none."""
    if max_length is None:
        return distribution
    cut: Counter[int] = Counter()
    for value, count in zip(distribution.values, distribution.counts, strict=True):
        cut[min(value, max_length)] += count
    values = sorted(cut)
    return replace(distribution, values=tuple(values), counts=tuple(cut[value] for value in values))
