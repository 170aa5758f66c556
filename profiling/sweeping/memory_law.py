"""Where the peak memory of some tries would reach a budget."""

from collections.abc import Sequence

# Tries nearer to each other than that differ by their noise.
APART = 1.5


def predict_border(
    seen: Sequence[tuple[int, float]], budget_mib: float, degree: int
) -> float | None:
    """Return the value at which memory reaches the budget; None where nobody can tell.

    A batch costs a straight line (degree 1), and so does a length beyond a window; scores of all
    pairs make a parabola of the tokens (degree 2; 4 of the side of an image). Of two tries the
    larger power is assumed, which is the smaller step; of three the curve through them.

    Args:
        seen: Values that fitted with their peaks in MiB, smallest first.
        budget_mib: MiB.
        degree: The largest power of the value with which memory may grow.
    """
    # In tokens, the square of a side, four powers are two.
    root = degree / min(degree, 2)
    curve = _apart([(value**root, peak) for value, peak in seen])
    if len(curve) < 2:
        return None
    if degree == 1:
        found = _line(curve[0], curve[1], budget_mib)
    elif len(curve) == 2:
        squares = [(value**2, peak) for value, peak in curve]
        squared = _line(squares[0], squares[1], budget_mib)
        found = None if squared is None else squared**0.5
    else:
        found = _parabola(curve, budget_mib)
    return None if found is None else found ** (1 / root)


def _apart(seen: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return up to three tries that are far enough from each other, the largest first."""
    chosen: list[tuple[float, float]] = []
    for value, peak in reversed(seen):
        if not chosen or value * APART <= chosen[-1][0]:
            chosen.append((value, peak))
    if len(chosen) == 1 and len(seen) > 1:
        chosen.append(seen[0])
    return chosen[:3]


def _line(larger: tuple[float, float], smaller: tuple[float, float], budget: float) -> float | None:
    slope = (larger[1] - smaller[1]) / (larger[0] - smaller[0])
    found = larger[0] + (budget - larger[1]) / slope if slope > 0 else None
    return found if found is None or found > 0 else None


def _parabola(points: Sequence[tuple[float, float]], budget: float) -> float | None:
    """Return where the parabola through three points, or their line, reaches the budget."""
    (x, a), (y, b), (z, c) = points
    first, second = (a - b) / (x - y), (b - c) / (y - z)
    bend = (first - second) / (x - z)
    if bend <= 0 or first <= 0:
        return _line(points[0], points[1], budget)
    # Newton's form about x: a + first * d + bend * d * (d + x - y) = budget.
    linear = first + bend * (x - y)
    root = linear**2 + 4 * bend * (budget - a)
    return x + (root**0.5 - linear) / (2 * bend) if root >= 0 else None
