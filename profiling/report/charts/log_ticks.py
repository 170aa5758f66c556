"""The ticks of a logarithmic axis: round numbers that have room, and no long piece without one."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, floor, log, log2, log10

# The least distance of two ticks as a share of the axis: at least 15 pixels, as the letters are 12
# pixels high.
ROOM = 1 / 11


def log_ticks(low: float, high: float, whole: bool = False, halved: bool = False) -> list[float]:
    """Return the set of round numbers that leaves the shortest piece of an axis without a number.

    Args:
        low: The lower end of the axis, above zero.
        high: The upper end, above the lower one.
        whole: Whether only whole numbers make sense.
        halved: Whether powers of two are round, as where halves and doubles are what is compared.

    Returns:
        Ascending, within the ends; none where no set has room, on more than eleven decades.
    """
    least = ROOM * log(high / low)
    inside = (
        [tick for tick in ticks if low <= tick <= high and not (whole and tick % 1)]
        for ticks in _round_numbers(low, high, halved)
    )
    roomy = [ticks for ticks in inside if all(gap >= least for gap in _gaps(ticks))]
    return min(roomy, key=lambda ticks: (max(_gaps([low, *ticks, high])), -len(ticks)), default=[])


def _gaps(values: Sequence[float]) -> list[float]:
    return [log(after / before) for before, after in pairwise(values)]


def _round_numbers(low: float, high: float, halved: bool) -> Iterator[list[float]]:
    """Yield sets of numbers around the ends."""
    if halved:
        yield [2.0**power for power in range(floor(log2(low)), ceil(log2(high)) + 1)]
    yield round_decades((1, 2, 5), low, high)
    yield from _multiples(low, high)
    yield round_decades((1, 3), low, high)
    yield round_decades((1,), low, high)


def round_decades(digits: Sequence[int], low: float, high: float) -> list[float]:
    """Return these digits times each power of ten around two ends, ascending."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    return [digit * 10.0**power for power in powers for digit in digits]


def _multiples(low: float, high: float) -> Iterator[list[float]]:
    """Yield multiples of 1, 2 and 5 times each power of ten, from a hundredth of the range on."""
    for power in range(floor(log10(high - low)) - 1, floor(log10(high)) + 1):
        for digit in (1, 2, 5):
            step = digit * 10.0**power
            counts = range(max(ceil(low / step), 1), floor(high / step) + 1)
            yield [round(count * step, -power) for count in counts]
