"""What one step of a point computes and holds, by component, counted without computing it."""

from profiling.counting.point_costs import PointCosts
from profiling.planning.points import Point


def count_costs(point: Point) -> PointCosts:
    """Count one step of the point's phase at batch size 1: forward; in training loss and backward.

    Raises:
        RuntimeError: The components do not add up to the step.
    """
    raise NotImplementedError
