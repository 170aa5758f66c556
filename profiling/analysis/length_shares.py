"""What a real data set's length distribution says; imports no torch."""

from collections.abc import Iterable, Iterator

from profiling.analysis.curves import finite
from profiling.rows.columns import Row


def share_beyond(distribution: Row, length: float) -> float:
    """Return the share of samples that are at least this long, between 0 and 1."""
    pairs = list(_weighted(distribution))
    total = sum(count for _, count in pairs)
    return sum(count for value, count in pairs if value >= length) / total if total else 0.0


def _weighted(distribution: Row) -> Iterator[tuple[float, float]]:
    for value, count in zip(
        distribution.get("values") or (), distribution.get("counts") or (), strict=False
    ):
        length, weight = finite(value), finite(count)
        if length and length > 0 and weight:
            yield length, weight


def length_quantiles(distribution: Row, fractions: Iterable[float]) -> list[float]:
    """Return existing lengths below which these fractions of the samples lie."""
    pairs = sorted(_weighted(distribution))
    total = sum(count for _, count in pairs)
    found = []
    for fraction in fractions:
        seen = 0.0
        for value, count in pairs:
            seen += count
            if seen >= fraction * total:
                found.append(value)
                break
    return found
