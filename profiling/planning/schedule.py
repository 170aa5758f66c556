"""Which visits are missing, in which order, and how long they will take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

from profiling.planning.points import Point
from profiling.rows.columns import Row

# Memory hardly varies between visits: two show that it does not.
MEMORY_VISITS = 2


@dataclass(frozen=True)
class Visit:
    """The `number`-th measurement of a point, counted from 0."""

    point: Point
    number: int

    @property
    def group(self) -> tuple[str, str, int, int]:
        """What is measured side by side: one visit of all points of one length and phase."""
        return self.point.modality, self.point.phase, self.point.length, self.number


def measures_memory(point: Point, number: int, beside_speed: bool) -> bool:
    """Tell whether a visit has a process for memory: it hardly varies, and few visits know it.

    Args:
        point: What is visited.
        number: Which visit, counted from 0.
        beside_speed: Whether a process measures speed as well; on CUDA that one tells the memory.
    """
    told = point.conditions.device == "cuda" or number >= MEMORY_VISITS
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
    the same end.
    """

    def __init__(self, points: list[Point], visits: int, time_budget_s: float | None) -> None:
        """Plan at most `visits` rounds over `points`."""
        self.points = points
        self.visits = visits
        self.time_budget_s = time_budget_s
        self._keys = {point.key for point in points}

    def missing(self, rows: Sequence[Row]) -> Iterator[list[Visit]]:
        """Yield the visits that have no row yet, or one that says error, by what is compared.

        `rows` may grow.
        """
        for number in range(self.visits):
            statuses = {row["key"]: row["status"] for row in rows if row["visit"] == number}
            for group in self._round(number):
                points = [
                    point
                    for point in group
                    if statuses.get(point.key, "error") == "error"
                    and not (number and point.skip_reason)
                ]
                if number and points and not self._fit(points, rows):
                    return
                if points:
                    yield [Visit(point, number) for point in points]

    def _round(self, number: int) -> list[list[Point]]:
        groups = [
            list(group)
            for _, group in groupby(self.points, key=lambda p: (p.modality, p.length, p.phase))
        ]
        return [turn(group, number) for group in groups][:: -1 if number % 2 else 1]

    def num_done(self, rows: Sequence[Row]) -> int:
        """Return how many of the planned visits have a row."""
        return sum(row["key"] in self._keys and row["status"] != "error" for row in rows)

    @property
    def num_visits(self) -> int:
        """The most visits there can be; with a time budget fewer may be made."""
        skipped = sum(point.skip_reason is not None for point in self.points)
        return (len(self.points) - skipped) * self.visits + skipped

    def spent(self, rows: Sequence[Row]) -> float:
        """Return the seconds that the visits have taken so far."""
        return sum(float(row["seconds"]) for row in rows if row["key"] in self._keys)

    def seconds_left(self, rows: Sequence[Row], guess_s: float | None = None) -> float | None:
        """Return the expected seconds of measuring from here, None before anything is known.

        Args:
            rows: What has been measured; visits of other points are taken to last as long.
            guess_s: Seconds of a visit while nothing is known.
        """
        mine = [row for row in rows if row["key"] in self._keys]
        seconds: dict[str, float] = {row["key"]: row["seconds"] for row in mine}
        if not seconds and guess_s is None:
            return None
        typical = fmean(seconds.values()) if seconds else guess_s or 0.0
        done = {(row["key"], row["visit"]) for row in rows}
        measured = [point for point in self.points if not point.skip_reason]
        first, later = (
            sum(
                seconds.get(point.key, typical)
                for number in numbers
                for point in measured
                if (point.key, number) not in done
            )
            for numbers in (range(1), range(1, self.visits))
        )
        if self.time_budget_s is None:
            return first + later
        return first + max(0.0, min(later, self.time_budget_s - self.spent(rows) - first))

    def _fit(self, points: Sequence[Point], rows: Sequence[Row]) -> bool:
        if self.time_budget_s is None:
            return True
        last = {row["key"]: float(row["seconds"]) for row in rows}
        expected = sum(last.get(point.key, 0.0) for point in points)
        return self.spent(rows) + expected <= self.time_budget_s
