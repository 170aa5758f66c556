"""How a sweep that chooses its lengths begins: which of its ranges, and with which visits."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from profiling.planning.points import Point
from profiling.planning.ranges import Range
from profiling.planning.schedule import Schedule
from profiling.planning.settings import SweepSettings
from profiling.planning.side_by_side import Earlier
from profiling.planning.visits import Visit
from profiling.rows.columns import Row
from profiling.sweeping.made import Made, expected_s, made_in, of_range, spent_s

# Fewer decide nothing.
START_VISITS = 2
FIRST_PHASE = "inference"


class Beginnings:
    """The visits of the lengths that ranges begin with, one range after the other.

    One visit decides nothing, so a range that cannot have two of each of these lengths within the
    time budget is left alone, and the time goes to the answers of others. Inference comes first,
    in all modalities: it takes less time for as many answers. The first visits of the first range
    are made whatever they take, because before them nobody knows how fast the machine is.

    Args:
        settings: Of the sweep.
        ranges: Where it may choose.
        time_budget_s: Seconds that the visits of all ranges may take; None for no limit.

    Attributes:
        earlier: What was there when the sweep began.
    """

    def __init__(
        self, settings: SweepSettings, ranges: Sequence[Range], time_budget_s: float | None
    ) -> None:
        self.ranges = sorted(ranges, key=lambda chosen: chosen.phase != FIRST_PHASE)
        self.visits = min(START_VISITS, settings.visits)
        self.time_budget_s = time_budget_s
        self.earlier = Earlier()
        self._pairs = settings.pairs
        self._schedules = [self._schedule(r.starts(), self.visits) for r in self.ranges]

    def begin(self, earlier: Earlier) -> None:
        """Begin a sweep, before which that was there."""
        self.earlier = earlier
        for schedule in (self.in_any_case, *self._schedules):
            schedule.earlier = earlier

    def going_on(self, rows: Sequence[Row]) -> Iterator[list[Visit]]:
        """Yield the visits to make, by what is compared; `rows` grows on the way."""
        for number, (chosen, schedule) in enumerate(zip(self.ranges, self._schedules, strict=True)):
            if number and not self._may_begin(chosen, rows):
                continue
            for visits in schedule.going_on(rows):
                measured = _measured([visit.point for visit in visits])
                # Of what is compared: what joins later has another number.
                is_first = not number and not visits[0].nth
                if measured and not is_first and not self._fit(measured, rows):
                    break
                yield visits

    def left_alone(self, rows: Sequence[Row]) -> list[Range]:
        """Return the ranges in which nothing was visited."""
        made = made_in(self.ranges, rows)
        return [r for r in self.ranges if _measured(r.starts()) and not of_range(r, made)]

    @cached_property
    def in_any_case(self) -> Schedule:
        """What is visited whatever it takes.

        Under a time budget these are the first visits of the first range; what else is visited is
        up to the budget.
        """
        ranges = self.ranges if self.time_budget_s is None else self.ranges[:1]
        visits = self.visits if self.time_budget_s is None else 1
        starts = [point for chosen in ranges for point in chosen.starts()]
        return self._schedule(starts, visits)

    def _schedule(self, starts: list[Point], visits: int) -> Schedule:
        return Schedule(starts, visits, None, self._pairs)

    def _may_begin(self, chosen: Range, rows: Sequence[Row]) -> bool:
        """Tell whether a range has begun, or would come to all its visits in what is left."""
        begun = of_range(chosen, made_in(self.ranges, rows))
        return bool(begun) or self._fit(_measured(chosen.starts()) * self.visits, rows)

    def _fit(self, points: Sequence[Point], rows: Sequence[Row]) -> bool:
        return fits(points, made_in(self.ranges, rows), self.time_budget_s, self.earlier)


def fits(
    points: Sequence[Point], made: Sequence[Made], time_budget_s: float | None, earlier: Earlier
) -> bool:
    """Tell whether a visit of each point is expected to end within the time budget.

    Args:
        points: Those; what stands in it twice is visited twice.
        made: What has been visited in all ranges.
        time_budget_s: Seconds that all visits may take; None for no limit.
        earlier: What was there when the sweep began.
    """
    if time_budget_s is None:
        return True
    return spent_s(made, earlier) + expected_s(points, made) <= time_budget_s


def _measured(points: Sequence[Point]) -> list[Point]:
    return [point for point in points if not point.skip_reason]
