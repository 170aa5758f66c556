"""Everything that a sweep is to measure: grids that were given, ranges in which it chooses."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from profiling.planning.points import Point
from profiling.planning.ranges import Range
from profiling.planning.schedule import Guess, Schedule
from profiling.planning.settings import SweepSettings
from profiling.planning.side_by_side import Earlier, Visited
from profiling.planning.visits import Visit
from profiling.rows.columns import Row
from profiling.sweeping.refinement import Refinement


class Plan:
    """The visits of a sweep; a time budget is shared by the number of modalities.

    Args:
        settings: Of the sweep.
        points: Of the modalities whose lengths are given.
        ranges: Of the others.
    """

    def __init__(
        self, settings: SweepSettings, points: Sequence[Point], ranges: Sequence[Range]
    ) -> None:
        self.points = list(points)
        self.ranges = list(ranges)
        self.time_budget_s = settings.time_budget_s
        self._settings = settings
        self._parts = self._make_parts()

    def _make_parts(self) -> list[Schedule | Refinement]:
        settings, budget = self._settings, self.time_budget_s
        given = {point.modality for point in self.points}
        chosen = {one.modality for one in self.ranges}
        share = len(given) / max(len(given | chosen), 1)
        schedule = Schedule(self.points, settings.visits, budget and budget * share, settings.pairs)
        refinement = Refinement(settings, self.ranges, budget and budget * (1 - share))
        parts: list[tuple[Schedule | Refinement, bool]] = [
            (schedule, bool(given)),
            (refinement, bool(chosen)),
        ]
        return [part for part, is_needed in parts if is_needed]

    def first_points(self) -> list[Point]:
        """Return the points that are visited whatever comes out."""
        return [*self.points, *(point for one in self.ranges for point in one.starts())]

    def missing(self, rows: Sequence[Row]) -> Iterator[list[Visit]]:
        """Begin a sweep; yield the visits to make, by what is compared; `rows` may grow.

        An earlier sweep goes on as though it had never ended. Only then what failed in it or was
        disturbed is made once more: a sweep that is stopped again and again beside a neighbour
        would never come to its last visits.

        Raises:
            RuntimeError: Nothing but what was asked for before is to be made, so that there would
                be no end.
        """
        # To parts that are new, all that was made counts.
        unbroken = self._make_parts() if Earlier.of(rows).in_vain else []
        goes_on = [part.going_on(rows) for part in unbroken]
        again = [part.missing(rows) for part in self._parts]
        return _each_once(chain.from_iterable([*goes_on, *again]))

    def num_done(self, rows: Sequence[Row]) -> int:
        """Return how many of the visits have a row."""
        return sum(part.num_done(rows) for part in self._parts)

    @property
    def num_visits(self) -> int | None:
        """The most visits there can be; None where the sweep chooses."""
        numbers = [part.num_visits for part in self._parts]
        return None if None in numbers else sum(number or 0 for number in numbers)

    def seconds_left(self, rows: Sequence[Row], guess: Guess | None = None) -> float | None:
        """Return the expected seconds of measuring from here, None where nobody knows.

        Args:
            rows: What has been measured.
            guess: Asked while nothing is known; given it, there is an answer.
        """
        left = [part.seconds_left(rows, guess) for part in self._parts]
        return None if None in left else sum(seconds or 0.0 for seconds in left)

    def is_known(self, rows: Sequence[Row]) -> bool:
        """Tell whether rows say how long visits take, in every part."""
        return all(part.is_known(rows) for part in self._parts)

    def left_alone(self, rows: Sequence[Row]) -> list[str]:
        """Return the modalities and phases for which there was no time, as "text training"."""
        chosen = (part for part in self._parts if isinstance(part, Refinement))
        return [one.name for part in chosen for one in part.left_alone(rows)]

    def budget_left(self, rows: Sequence[Row]) -> float | None:
        """Return the seconds of the time budget that are not spent yet; None without one."""
        if self.time_budget_s is None:
            return None
        return max(0.0, self.time_budget_s - sum(part.spent(rows) for part in self._parts))


def _each_once(groups: Iterable[list[Visit]]) -> Iterator[list[Visit]]:
    asked: set[Visited] = set()
    for visits in groups:
        wanted = {(visit.point.key, visit.number) for visit in visits}
        if wanted <= asked:
            names = ", ".join(visit.point.describe() for visit in visits)
            raise RuntimeError(f"visit {visits[0].number} of {names} was planned twice")
        asked |= wanted
        yield visits
