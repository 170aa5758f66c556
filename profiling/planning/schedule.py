"""Which visits are missing, in which order, and how long they will take."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

from profiling.planning.points import Point
from profiling.rows.columns import Row

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

    def is_open(self, status: str | None) -> bool:
        """Tell whether it is to be made, given the status of its row; None without one.

        An error may have been chance, and what was skipped can be measured once the reason is gone.
        """
        reason_is_gone = status == "skipped" and self.point.skip_reason is None
        return status in (None, "error") or reason_is_gone


Guess = Callable[[Visit], float]
"""The seconds that a visit may take, while nothing was measured."""


def measures_memory(point: Point, nth: int, beside_speed: bool) -> bool:
    """Tell whether a visit has a process for memory: it hardly varies, and few visits know it.

    Args:
        point: What is visited.
        nth: Which visit of its comparison, counted from 0.
        beside_speed: Whether a process measures speed as well; on CUDA that one tells the memory.
    """
    told = point.conditions.device == "cuda" or nth >= MEMORY_VISITS
    return "memory" in point.metrics and not (beside_speed and told)


def turn(group: Sequence[Point], number: int) -> list[Point]:
    """Return what is compared so that each visit begins with another point."""
    first = number % len(group)
    return [*group[first:], *group[:first]]


class Schedule:
    """The visits of a sweep, round by round, seen through the rows that are already there.

    A round visits every point once, in turns forwards and backwards so that drift cancels, and what
    is compared begins each round with another one, so that none is always the first. With a
    time budget the first round is always whole; later ones end at the first visits that should not
    fit. What decides is the seconds stored in the rows, so the same command run again comes to
    the same end. Visits that failed are tried once more by every sweep, whatever time is left.
    """

    def __init__(self, points: list[Point], visits: int, time_budget_s: float | None) -> None:
        """Plan at most `visits` rounds over `points`."""
        self.points = points
        self.visits = visits
        self.time_budget_s = time_budget_s
        self._keys = {point.key for point in points}

    def missing(self, rows: Sequence[Row]) -> Iterator[list[Visit]]:
        """Yield the visits that are open, by what is compared; `rows` may grow."""
        is_over = False
        for number in range(self.visits):
            open_now = {visit.point.key for visit in self._open(rows) if visit.number == number}
            for group in self._round(number):
                visits = [Visit(point, number) for point in group if point.key in open_now]
                is_over = is_over or not self._fit(visits, rows)
                if is_over:
                    visits = _failed(visits, rows)
                if visits:
                    yield visits

    def _open(self, rows: Sequence[Row]) -> list[Visit]:
        """Return the planned visits without a row that counts; what is skipped has one visit."""
        statuses = {(row["key"], row["visit"]): row["status"] for row in rows}
        planned = (
            Visit(point, number)
            for number in range(self.visits)
            for point in self.points
            if not (number and point.skip_reason)
        )
        return [
            visit
            for visit in planned
            if visit.is_open(statuses.get((visit.point.key, visit.number)))
        ]

    def _round(self, number: int) -> list[list[Point]]:
        groups = [
            list(group)
            for _, group in groupby(self.points, key=lambda p: (p.modality, p.length, p.phase))
        ]
        return [turn(group, number) for group in groups][:: -1 if number % 2 else 1]

    def num_done(self, rows: Sequence[Row]) -> int:
        """Return how many of the planned visits need not be made any more."""
        return self.num_visits - len(self._open(rows))

    @property
    def num_visits(self) -> int:
        """The most visits there can be; with a time budget fewer may be made."""
        skipped = sum(point.skip_reason is not None for point in self.points)
        return (len(self.points) - skipped) * self.visits + skipped

    def spent(self, rows: Sequence[Row]) -> float:
        """Return the seconds that the visits have taken so far."""
        return sum(float(row["seconds"]) for row in rows if row["key"] in self._keys)

    def seconds_left(self, rows: Sequence[Row], guess: Guess | None = None) -> float | None:
        """Return the expected seconds of measuring from here, None before anything is known.

        Args:
            rows: What has been measured; visits of other points are taken to last as long.
            guess: Asked while nothing is known.
        """
        expected = self._expected(rows) or guess
        if expected is None:
            return None
        left = [visit for visit in self._open(rows) if not visit.point.skip_reason]
        failed = _failed(left, rows)
        sure = sum(expected(visit) for visit in left if not visit.number or visit in failed)
        later = sum(expected(visit) for visit in left if visit.number and visit not in failed)
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

    def _fit(self, visits: Sequence[Visit], rows: Sequence[Row]) -> bool:
        """Tell whether visits should end within the time budget, or are made whatever they take."""
        if self.time_budget_s is None or not any(visit.number for visit in visits):
            return True
        last = self._last_s(rows)
        expected = sum(last.get(visit.point.key, 0.0) for visit in visits)
        return self.spent(rows) + expected <= self.time_budget_s


def _failed(visits: Sequence[Visit], rows: Sequence[Row]) -> list[Visit]:
    """Return those of some visits whose row is an error."""
    failed = {(row["key"], row["visit"]) for row in rows if row["status"] == "error"}
    return [visit for visit in visits if (visit.point.key, visit.number) in failed]
