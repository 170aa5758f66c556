"""The ladder: an efficient variant against each kernel of its vanilla one, the plainest first.

The study of 2023 compared with eager attention. What a variant is worth against the kernels of
today is another answer, and the way from one to the other is told rung by rung.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from profiling.analysis.answers.comparisons import Comparison
from profiling.analysis.points.components import PACKING

LADDER = "ladder"
PLAINEST = "eager"


def find_rungs(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Return one comparison per vanilla kernel, for each of the best ones of both sides.

    The efficient side is the best of its kernels that do nothing which the rung does not: compiled
    ones meet compiled rungs alone. A rung that nothing may meet is left out.

    A kernel that leaves padding out is no rung: the samples of a measured batch have one length, so
    it would be fused attention once more. What it saves depends on the lengths of the data, and
    `advise` tells that.

    Args:
        comparisons: All that the rows allow; only `best_vs_best` ones have every kernel.
    """
    return [rung for each in comparisons if each.kind == "best_vs_best" for rung in _rungs_of(each)]


def _rungs_of(comparison: Comparison) -> Iterator[Comparison]:
    kernels = [name for name in comparison.vanilla_points if name.split()[0] not in PACKING]
    for kernel in sorted(kernels, key=_height):
        points = {
            name: points
            for name, points in comparison.efficient_points.items()
            if _treatments(name) <= _treatments(kernel)
        }
        if points:
            vanilla = {kernel: comparison.vanilla_points[kernel]}
            yield replace(comparison, kind=LADDER, vanilla_points=vanilla, efficient_points=points)


def _treatments(kernel: str) -> frozenset[str]:
    """Return what is done to an implementation: the words of a kernel's name that follow it."""
    return frozenset(kernel.split()[1:])


def _height(kernel: str) -> tuple[int, bool, str]:
    """Return the place of a rung: one to which something is done stands above all others."""
    return len(_treatments(kernel)), kernel.partition(" ")[0] != PLAINEST, kernel
