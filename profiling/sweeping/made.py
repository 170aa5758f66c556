"""The visits of ranges that have a row, and what they say of the time of further ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log

from profiling.analysis.points.axes import row_length
from profiling.planning.points import Point
from profiling.planning.ranges import Range
from profiling.planning.side_by_side import Earlier, Visited
from profiling.planning.visits import Visit
from profiling.rows.columns import Row

# Seconds of a visit in training over those in inference, for small and for large models.
TRAINING_FACTOR = 2.0


@dataclass(frozen=True)
class Made:
    """A visit that has a row."""

    range: Range
    visit: Visit
    row: Row

    @property
    def visited(self) -> Visited:
        """What it is a visit of, and with which number."""
        return self.visit.point.key, self.visit.number

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
    return row["status"] == "skipped" and visit.point.skip_reason is None


def of_range(chosen: Range, made: Iterable[Made]) -> list[Made]:
    """Return those of one range."""
    return [one for one in made if one.range is chosen]


def spent_s(made: Iterable[Made], earlier: Earlier) -> float:
    """Return the seconds that visits took which count."""
    return sum(one.seconds for one in made if one.visited not in earlier.in_vain)


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
        return sum(one.seconds for one in timed) / max(len(timed), 1)
    factor = TRAINING_FACTOR if point.phase == "training" else 1 / TRAINING_FACTOR
    return min(nearest)[-1] * (1.0 if in_phase else factor)


def _model(point: Point) -> tuple[str, str, str]:
    return point.modality, point.variant, point.kernel
