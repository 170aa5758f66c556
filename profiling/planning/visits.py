"""A visit of a point, and what it measures."""

from dataclasses import dataclass

from profiling.planning.points import Point

# Memory hardly varies between visits: two show that it does not.
MEMORY_VISITS = 2

Group = tuple[str, str, int, int]
"""The modality, phase, length and number of what is measured side by side."""


@dataclass(frozen=True)
class Visit:
    """A measurement of a point.

    Args:
        point: What is measured.
        number: Counted from 0; what is measured side by side has the same one.
        of_comparison: How many visits the point has had with each of those that are measured side
            by side with it, at least; None where that is the number.
    """

    point: Point
    number: int
    of_comparison: int | None = None

    @property
    def nth(self) -> int:
        """Which visit of its comparison it is, counted from 0."""
        return self.number if self.of_comparison is None else self.of_comparison

    @property
    def group(self) -> Group:
        """What is measured side by side: one visit of all points of one length and phase."""
        return self.point.modality, self.point.phase, self.point.length, self.number


def measures_memory(point: Point, nth: int, beside_speed: bool) -> bool:
    """Tell whether a visit has a process for memory: it hardly varies, and few visits know it.

    Args:
        point: What is visited.
        nth: Which visit of its comparison, counted from 0.
        beside_speed: Whether a process measures speed as well; on CUDA that one tells the memory.
    """
    told = point.conditions.device == "cuda" or nth >= MEMORY_VISITS
    return "memory" in point.metrics and not (beside_speed and told)
