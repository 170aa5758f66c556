"""The lengths of a data set as a model sees them: longer samples cut, images on a grid of sides."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from datamodules.lengths import LengthDistribution
from datamodules.modality import find_modality


def cut_lengths(distribution: LengthDistribution, max_length: int | None) -> LengthDistribution:
    """Return the same samples, those that are longer cut to `max_length`; None cuts none."""
    if max_length is None:
        return distribution
    return _changed(distribution, lambda length: min(length, max_length))


def computed_lengths(
    distribution: LengthDistribution, max_length: int | None
) -> LengthDistribution:
    """Return the same samples at the lengths that are computed: cut, and sides then rounded up.

    A side between two that were measured is computed as the longer one, so that it must not be
    held against them as it is.
    """
    cut = cut_lengths(distribution, max_length)
    modality = find_modality(distribution.modality)
    return cut if modality.multiple == 1 else _changed(cut, modality.round_length)


def _changed(distribution: LengthDistribution, change: Callable[[int], int]) -> LengthDistribution:
    counts: Counter[int] = Counter()
    for value, count in zip(distribution.values, distribution.counts, strict=True):
        counts[change(value)] += count
    values = sorted(counts)
    return replace(
        distribution, values=tuple(values), counts=tuple(counts[value] for value in values)
    )
