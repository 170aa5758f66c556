"""The visits of ranges that have a row, and what they say of the time of further ones."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import log

from profiling.analysis.points.axes import row_length
from profiling.planning.points import Point
from profiling.planning.ranges import Range
from profiling.planning.schedule import Visit
from profiling.rows.columns import Row

# Seconds of a visit in training over those in inference, for small and for large models.
TRAINING_FACTOR = 2.0

Visited = tuple[str, int]
"""The key of a point, and the number of a visit."""


@dataclass(frozen=True)
class Made:
    """A visit that has a row."""

    range: Range
    visit: Visit
    row: Row

    @property
    def seconds(self) -> float:
        """What it took."""
        return float(self.row["seconds"])


def made_in(ranges: Sequence[Range], rows: Sequence[Row]) -> list[Made]:
    """Return the visits of some ranges that were made, oldest first.

    One that was skipped for a reason that is gone was not.
    """
    by_place = {(chosen.modality, chosen.phase): chosen for chosen in ranges}
    found = []
    for row in rows:
        chosen, length = by_place.get((row["modality"], row["phase"])), row_length(row)
        if chosen is not None and length is not None:
            points = (point for point in chosen.at(length) if point.key == row["key"])
            visits = (Visit(point, row["visit"]) for point in points)
            found += [Made(chosen, visit, row) for visit in visits if not _is_outdated(visit, row)]
    return found


def _is_outdated(visit: Visit, row: Row) -> bool:
    return row["status"] == "skipped" and visit.is_open(row["status"])


def of_range(chosen: Range, made: Iterable[Made]) -> list[Made]:
    """Return those of one range."""
    return [one for one in made if one.range is chosen]


def visited_in(made: Iterable[Made]) -> set[Visited]:
    """Return which visits were made, whatever came out of them."""
    return {(one.visit.point.key, one.visit.number) for one in made}


def new_number(points: Sequence[Point], visited: Iterable[Visited]) -> int:
    """Return the number of a visit that none of some points has had: all are measured in it."""
    keys = {point.key for point in points}
    return max((number + 1 for key, number in visited if key in keys), default=0)


def num_common(points: Sequence[Point], visited: Iterable[Visited]) -> int:
    """Return how many visits all of some points have had: only what was side by side is compared.

    There must be a point.
    """
    numbers = ({number for key, number in visited if key == point.key} for point in points)
    return len(set.intersection(*numbers))


def num_before(point: Point, beside: Iterable[Point], visited: Collection[Visited]) -> int:
    """Return how many visits a point has had with each of those beside it, at least.

    It may stand among them itself; there must be one.
    """
    return min(num_common([point, other], visited) for other in beside)


def failed_in(made: Sequence[Made]) -> list[Visit]:
    """Return the visits that ended in an error, at lengths that are still in a range."""
    visited = visited_in(made)
    return [
        _again(one, visited)
        for one in made
        if one.row["status"] == "error" and one.visit.point.length in one.range.lengths
    ]


def _again(failed: Made, visited: Collection[Visited]) -> Visit:
    """Return a visit that measures what it would have measured the first time."""
    point, number = failed.visit.point, failed.visit.number
    beside = [other for other in failed.range.at(point.length) if (other.key, number) in visited]
    earlier = {(key, before) for key, before in visited if before < number}
    return Visit(point, number, num_before(point, beside, earlier))


def spent_s(made: Iterable[Made]) -> float:
    """Return the seconds that visits took."""
    return sum(one.seconds for one in made)


def expected_s(points: Iterable[Point], made: Sequence[Made]) -> float:
    """Return the seconds that one visit of each point is expected to take."""
    return sum(_of_one_s(point, made) for point in points)


def _of_one_s(point: Point, made: Sequence[Made]) -> float:
    """Return the seconds of its last visit, or of the same model's at the nearest length.

    Where nothing of it was visited in its phase, the other phase tells, and then all other models.
    """
    timed = [one for one in made if one.row["status"] != "skipped"]
    same = [one for one in timed if _model(one.visit.point) == _model(point)]
    in_phase = [one for one in same if one.visit.point.phase == point.phase]
    nearest = [
        (abs(log(one.visit.point.length / point.length)), -place, one.seconds)
        for place, one in enumerate(in_phase or same)
    ]
    if not nearest:
        return spent_s(timed) / max(len(timed), 1)
    factor = TRAINING_FACTOR if point.phase == "training" else 1 / TRAINING_FACTOR
    return min(nearest)[-1] * (1.0 if in_phase else factor)


def _model(point: Point) -> tuple[str, str, str]:
    return point.modality, point.variant, point.kernel
