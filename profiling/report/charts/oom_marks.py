"""Where the marks of what ran out of memory stand: at their lengths, one below another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from profiling.analysis.points.curves import Curve
from profiling.analysis.points.groups import Contender

# As shares of a panel: what stays free below the marks, where the uppermost stands, how far one
# stands below another, and all of them at most.
FREE, TOP, STEP, MOST = 0.1, 0.02, 0.035, 0.25


@dataclass(frozen=True)
class OomMark:
    """What ran out of memory at a length.

    Args:
        contender: What did.
        length: Where it did.
        depth: How far below the top of the panel its mark stands, as a share of the panel.
        is_lowest: Whether it is the lowest at its length.
    """

    contender: Contender
    length: int
    depth: float
    is_lowest: bool


def oom_marks(curves: Iterable[Curve], column: str) -> list[OomMark]:
    """Return the marks of a panel, those of one length from the top down.

    Args:
        curves: Of the panel.
        column: Which numbers the panel shows: a mark says that there is none.
    """
    failed: dict[int, list[Contender]] = {}
    for curve in curves:
        for point in curve.out_of_memory(column):
            failed.setdefault(point.length, []).append(curve.contender)
    step = min(STEP, MOST / max(map(len, failed.values()), default=1))
    return [
        OomMark(contender, length, TOP + step * place, contender is contenders[-1])
        for length, contenders in failed.items()
        for place, contender in enumerate(contenders)
    ]


def free_strip(marks: Sequence[OomMark]) -> float:
    """Return the share of a panel that its curves leave free at the top."""
    return FREE + max((mark.depth for mark in marks), default=TOP)
