"""A sweep that chooses its lengths: it begins with the ends and goes where answers are widest."""

from collections.abc import Iterator, Sequence
from itertools import groupby, takewhile

from profiling.planning.ranges import Range
from profiling.planning.schedule import Guess, Visit, turn
from profiling.planning.settings import SweepSettings
from profiling.rows.columns import Row
from profiling.sweeping.beginnings import Beginnings, fits
from profiling.sweeping.made import (
    Made,
    made_in,
    new_number,
    num_common,
    of_range,
    spent_s,
    visited_in,
)
from profiling.sweeping.questions import Question, open_questions, points_for

# Rows that agree in these are one row.
TOLD_APART_BY = ("key", "visit", "status", "seconds")


class Refinement:
    """The visits of ranges, each chosen by the rows that are there when its turn comes.

    The same rows give the same choice, so a sweep that was interrupted goes on as it would have.

    Args:
        settings: Of the sweep.
        ranges: Where it may choose.
        time_budget_s: Seconds that the visits may take in all, see `Beginnings`; None goes on
            until the answers are narrow.
    """

    num_visits = None  # nobody knows before how many there will be

    def __init__(
        self, settings: SweepSettings, ranges: Sequence[Range], time_budget_s: float | None
    ) -> None:
        self.settings = settings
        self.ranges = ranges
        self.time_budget_s = time_budget_s
        self.beginnings = Beginnings(settings, ranges, time_budget_s)
        self._asked: dict[tuple[object, ...], list[Question]] = {}

    def missing(self, rows: Sequence[Row]) -> Iterator[list[Visit]]:
        """Yield the visits that are to be made, by what is compared; `rows` grows on the way."""
        failed = self._failed(rows)  # before anything is measured: each is tried once by a sweep
        tried = set()
        for group in self.beginnings.missing(rows):
            tried |= {(visit.point.key, visit.number) for visit in group}
            yield group
        again = [visit for visit in failed if (visit.point.key, visit.number) not in tried]
        for _, visits in groupby(again, key=lambda visit: visit.group):
            yield list(visits)
        while chosen := self._interrupted(self._made(rows)) or self._choose(self._made(rows)):
            yield chosen

    def _failed(self, rows: Sequence[Row]) -> list[Visit]:
        """Return the visits that ended in an error, at lengths that are still in a range."""
        return [
            made.visit
            for made in self._made(rows)
            if made.row["status"] == "error" and made.visit.point.length in made.range.lengths
        ]

    def num_done(self, rows: Sequence[Row]) -> int:
        """Return how many visits have a row."""
        return sum(made.row["status"] != "error" for made in self._made(rows))

    def spent(self, rows: Sequence[Row]) -> float:
        """Return the seconds that the visits have taken so far."""
        return spent_s(self._made(rows))

    def left_alone(self, rows: Sequence[Row]) -> list[Range]:
        """Return the ranges for which there was no time."""
        return self.beginnings.left_alone(rows)

    def seconds_left(self, rows: Sequence[Row], guess: Guess | None = None) -> float | None:
        """Return the most seconds of measuring from here; None where no budget says.

        Args:
            rows: What has been measured.
            guess: Asked while nothing is known. Given it, a sweep without a budget says the seconds
                of the lengths that it begins with.
        """
        beginning = self.beginnings.in_any_case.seconds_left(rows, guess)
        if beginning is None or self.time_budget_s is None:
            return beginning if guess else None
        return max(beginning, self.time_budget_s - self.spent(rows))

    def is_known(self, rows: Sequence[Row]) -> bool:
        """Tell whether rows say how long visits take."""
        return self.beginnings.in_any_case.is_known(rows)

    def _made(self, rows: Sequence[Row]) -> list[Made]:
        """Return the visits that were made, oldest first."""
        return made_in(self.ranges, rows)

    def _interrupted(self, made: Sequence[Made]) -> list[Visit]:
        """Return what is missing of the last choice, made anew from the rows before it."""
        if not made:
            return []
        group = made[-1].visit.group
        last = [*takewhile(lambda one: one.visit.group == group, reversed(made))]
        done = {one.visit.point.key for one in last}
        chosen = self._choose(made[: -len(last)])
        return [v for v in chosen if v.group == group and v.point.key not in done]

    def _choose(self, made: Sequence[Made]) -> list[Visit]:
        """Return the visits that the widest answer wants for which there is time.

        The range goes first that had the least time for each of its open answers.
        """
        asked = [(chosen, self._ask(chosen, made)) for chosen in self.ranges]
        shares = [
            (spent_s(of_range(chosen, made)) / len(questions), questions)
            for chosen, questions in asked
            if questions
        ]
        for _, questions in sorted(shares, key=lambda share: share[0]):
            for question in sorted(questions, key=lambda asked: -asked.wish.width):
                visits = self._visits(question, questions, made)
                if visits:
                    return visits
        return []

    def _visits(
        self, question: Question, questions: Sequence[Question], made: Sequence[Made]
    ) -> list[Visit]:
        """Return what a question wants, for all open ones of its range; nothing without time.

        It is a new visit of all points of the question, also where one of them was there with
        others before: what is compared is measured side by side. Points of other questions come
        along.
        """
        length = question.wish.length
        own = points_for([question], length)
        if not own:
            return []
        visited = visited_in(made)
        number, nth = new_number(own, visited), num_common(own, visited)
        points = [p for p in points_for(questions, length) if (p.key, number) not in visited]
        if not fits(points, made, self.time_budget_s):
            return []
        return [Visit(point, number, nth) for point in turn(points, number)]

    def _ask(self, chosen: Range, made: Sequence[Made]) -> list[Question]:
        mine = of_range(chosen, made)
        read = [tuple(one.row[name] for name in TOLD_APART_BY) for one in mine]
        known = (chosen.modality, chosen.phase, *read)
        if known not in self._asked:
            self._asked[known] = open_questions(chosen, mine, self.settings)
        return self._asked[known]
