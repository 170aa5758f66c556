"""Which visits are missing, in which order, and how long they will take."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from statistics import fmean

from profiling.planning.points import Point
from profiling.planning.side_by_side import (
    Earlier,
    compared,
    next_visits,
    num_common,
    visited_in,
)
from profiling.planning.visits import Visit
from profiling.rows.columns import Row

Guess = Callable[[Visit], float]
"""The seconds that a visit may take, while nothing was measured."""


@dataclass(frozen=True)
class Place:
    """One length and phase.

    Args:
        points: All that is planned there, what is skipped included.
        together: What of it has to be measured side by side.
    """

    points: list[Point]
    together: list[list[Point]]

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of its points."""
        return frozenset(point.key for point in self.points)

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows of its points that were measured, whatever came out of it."""
        return [row for row in rows if row["key"] in self.keys and row["status"] != "skipped"]

    def untold(self, rows: Iterable[Row]) -> list[Visit]:
        """Return what is skipped and has no row yet that says so: one is enough."""
        told = {row["key"] for row in rows}
        return [Visit(p, 0) for p in self.points if p.skip_reason and p.key not in told]


class Schedule:
    """The visits of a sweep, round by round, seen through the rows that are already there.

    A round visits every point once, in turns forwards and backwards so that drift cancels, and what
    is compared begins each round with another one, so that none is always the first. What is
    compared has had as many visits as it has had side by side, those aside that earlier sweeps
    made in vain. With a time budget the first visits are always made; later ones end at the first
    that should not fit. What decides is the seconds stored in the rows, so the same command run
    again comes to the same end. Points whose last visit failed are tried once more by every sweep,
    whatever time is left.

    Attributes:
        earlier: What was there when the sweep began.
    """

    def __init__(
        self,
        points: list[Point],
        visits: int,
        time_budget_s: float | None,
        pairs: Sequence[str] = (),
    ) -> None:
        """Plan at most `visits` rounds over `points`; `pairs` are compared besides."""
        self.points = points
        self.visits = visits
        self.time_budget_s = time_budget_s
        self.earlier = Earlier()
        self._keys = {point.key for point in points}
        groups = groupby(points, key=lambda point: (point.modality, point.length, point.phase))
        listed = [list(group) for _, group in groups]
        self._places = [Place(group, compared(group, pairs)) for group in listed]

    def missing(self, rows: Sequence[Row]) -> Iterator[list[Visit]]:
        """Begin a sweep; yield what is open in it, what earlier ones made in vain included."""
        self.earlier = Earlier.of(rows)
        return self.going_on(rows)

    def going_on(self, rows: Sequence[Row]) -> Iterator[list[Visit]]:
        """Yield the visits that are open, by what is compared; `rows` may grow."""
        is_over = False
        for number in range(self.visits):
            for place in self._places[:: -1 if number % 2 else 1]:
                wanted, needed = self._open(place, number, rows)
                if len(wanted) > len(needed):
                    is_over = is_over or not self._fit(wanted, rows)
                chosen = needed if is_over else wanted
                visits = next_visits(chosen, rows, self.earlier.in_vain)
                if visits := [*visits, *place.untold(rows)]:
                    yield visits

    def _open(
        self, place: Place, number: int, rows: Sequence[Row]
    ) -> tuple[list[Point], list[Point]]:
        """Return what is to be visited in a round, and what of it whatever time is left.

        That is what was never tried side by side, and what failed when an earlier sweep tried it
        last, with all that is compared with it. What fails once more waits for the next sweep.
        """
        mine = place.rows(rows)
        visited = visited_in(mine)
        counted = visited - self.earlier.in_vain
        again = self.earlier.failed_again(mine)
        wanted: set[str] = set()
        needed: set[str] = set()
        for points in place.together:
            keys = {point.key for point in points}
            if not keys & again and num_common(points, counted) <= number:
                wanted |= keys
                if not num_common(points, visited) or self.earlier.is_due(points, visited):
                    needed |= keys
        return (
            [point for point in place.points if point.key in wanted],
            [point for point in place.points if point.key in needed],
        )

    def _left(self, rows: Sequence[Row]) -> list[tuple[Visit, bool]]:
        """Return the visits that are not made yet, each with whether it is, whatever it takes."""
        found: list[tuple[Visit, bool]] = []
        for place in self._places:
            found += [(visit, True) for visit in place.untold(rows)]
            sure: set[str] = set()
            for number in range(self.visits):
                wanted, needed = self._open(place, number, rows)
                first = {point.key for point in needed} - sure
                found += [(Visit(point, number), point.key in first) for point in wanted]
                sure |= first
        return found

    def num_done(self, rows: Sequence[Row]) -> int:
        """Return how many of the planned visits need not be made any more."""
        return self.num_visits - len(self._left(rows))

    @property
    def num_visits(self) -> int:
        """The most visits there can be; with a time budget fewer may be made."""
        skipped = sum(point.skip_reason is not None for point in self.points)
        return (len(self.points) - skipped) * self.visits + skipped

    def spent(self, rows: Sequence[Row]) -> float:
        """Return the seconds that the visits have taken so far that count."""
        mine = (row for row in rows if row["key"] in self._keys)
        counted = (r for r in mine if (r["key"], r["visit"]) not in self.earlier.in_vain)
        return sum(float(row["seconds"]) for row in counted)

    def seconds_left(self, rows: Sequence[Row], guess: Guess | None = None) -> float | None:
        """Return the expected seconds of measuring from here, None before anything is known.

        Args:
            rows: What has been measured; visits of other points are taken to last as long.
            guess: Asked while nothing is known.
        """
        expected = self._expected(rows) or guess
        if expected is None:
            return None
        left = [each for each in self._left(rows) if not each[0].point.skip_reason]
        sure = sum(expected(visit) for visit, is_sure in left if is_sure)
        later = sum(expected(visit) for visit, is_sure in left if not is_sure)
        if self.time_budget_s is None:
            return sure + later
        return sure + max(0.0, min(later, self.time_budget_s - self.spent(rows) - sure))

    def is_known(self, rows: Sequence[Row]) -> bool:
        """Tell whether rows say how long visits take."""
        return self._expected(rows) is not None

    def _expected(self, rows: Sequence[Row]) -> Guess | None:
        """Return what rows say of the seconds of a visit; None where they say nothing."""
        seconds = self._last_s(rows)
        if not seconds:
            return None
        typical = fmean(seconds.values())
        return lambda visit: seconds.get(visit.point.key, typical)

    def _last_s(self, rows: Sequence[Row]) -> dict[str, float]:
        """Return the seconds that the last visit of each point took, if it was no skipped one."""
        return {
            row["key"]: float(row["seconds"])
            for row in rows
            if row["key"] in self._keys and row["status"] != "skipped"
        }

    def _fit(self, points: Sequence[Point], rows: Sequence[Row]) -> bool:
        """Tell whether a visit of each point should end within the time budget."""
        if self.time_budget_s is None:
            return True
        last = self._last_s(rows)
        expected = sum(last.get(point.key, 0.0) for point in points)
        return self.spent(rows) + expected <= self.time_budget_s
