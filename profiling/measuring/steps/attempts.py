"""Attempts that may need more memory than there is, in a process that has measured before."""

from collections.abc import Callable
from typing import TypeVar

from profiling.measuring.process_limits import forget, is_out_of_memory
from profiling.planning.points import Point

T = TypeVar("T")


def keeps_pages(point: Point) -> bool:
    """Tell whether what is freed stays with the process, so that later steps find its pages."""
    return point.conditions.allocator == "kept" and point.conditions.device == "cpu"


def if_it_fits(point: Point, attempt: Callable[[], T]) -> T | None:
    """Return what an attempt finds, None where memory ran out.

    Pages that a process keeps stay there at first: those that are given back would be cleared for
    the steps that are timed. They lie in pieces, which the limit of memory counts, so where memory
    runs out all of them are given back, and the same is tried once more.
    """
    for keeps in [True, False] if keeps_pages(point) else [False]:
        forget(point.conditions.device, keeps)
        try:
            return attempt()
        except Exception as problem:
            if not is_out_of_memory(problem):
                raise
    return None
