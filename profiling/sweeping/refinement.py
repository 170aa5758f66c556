"""A sweep that chooses its lengths: it begins with the ends and goes where answers are widest."""

from collections.abc import Iterator, Sequence
from itertools import chain

from profiling.planning.points import Point
from profiling.planning.ranges import Range
from profiling.planning.schedule import Guess
from profiling.planning.settings import SweepSettings
from profiling.planning.side_by_side import Earlier, compared, next_visits, visited_in
from profiling.planning.visits import Visit
from profiling.rows.columns import Row
from profiling.sweeping.beginnings import Beginnings, fits
from profiling.sweeping.made import Made, made_in, of_range, spent_s
from profiling.sweeping.questions import Question, open_questions, points_for

# Rows that agree in these are one row.
TOLD_APART_BY = ("key", "visit", "status", "seconds")


class Refinement:
    """The visits of ranges, each chosen by the rows that are there when its turn comes.

    The same rows give the same choice, so a sweep that was interrupted goes on as it would have.
    All rows of a choice are written at once. Where a full disk took only some of them, the whole
    choice is made once more: what is made now does not stand side by side with what is there.
    Points whose last visit failed are tried once more by every sweep, whatever time is left.

    Args:
        settings: Of the sweep.
        ranges: Where it may choose.
        time_budget_s: Seconds that the visits may take in all, see `Beginnings`; None goes on
            until the answers are narrow.

    Attributes:
        earlier: What was there when the sweep began.
    """

    num_visits = None  # nobody knows before how many there will be

    def __init__(
        self, settings: SweepSettings, ranges: Sequence[Range], time_budget_s: float | None
    ) -> None:
        self.settings = settings
        self.ranges = ranges
        self.time_budget_s = time_budget_s
        self.beginnings = Beginnings(settings, ranges, time_budget_s)
        self.earlier = Earlier()
        self._asked: dict[tuple[object, ...], list[Question]] = {}

    def missing(self, rows: Sequence[Row]) -> Iterator[list[Visit]]:
        """Begin a sweep; yield what is open in it, what earlier ones made in vain included."""
        self.earlier = Earlier.of(rows)
        self.beginnings.begin(self.earlier)
        self._asked.clear()
        return self.going_on(rows)

    def going_on(self, rows: Sequence[Row]) -> Iterator[list[Visit]]:
        """Yield the visits to make, by what is compared; `rows` grows on the way."""
        return chain(self.beginnings.going_on(rows), self._retried(rows), self._chosen(rows))

    def _retried(self, rows: Sequence[Row]) -> Iterator[list[Visit]]:
        """Yield what failed last and was not tried since, with all that is compared with it."""
        failed = (one for one in self._made(rows) if one.visit.point.key in self.earlier.failing)
        places = dict.fromkeys((one.range, one.visit.point.length) for one in failed)
        for chosen, length in places:
            visited = visited_in(one.row for one in self._made(rows))
            tried = {key for key, _ in visited}
            due: set[str] = set()
            for points in compared(chosen.at(length), self.settings.pairs):
                keys = {point.key for point in points}
                if keys <= tried and self.earlier.is_due(points, visited):
                    due |= keys
            again = [point for point in chosen.at(length) if point.key in due]
            if again and length in chosen.lengths:
                yield next_visits(again, rows, self.earlier.in_vain)

    def _chosen(self, rows: Sequence[Row]) -> Iterator[list[Visit]]:
        while chosen := self._choose(self._made(rows)):
            yield next_visits(chosen, rows, self.earlier.in_vain)

    def num_done(self, rows: Sequence[Row]) -> int:
        """Return how many visits have a row."""
        return sum(made.row["status"] != "error" for made in self._made(rows))

    def spent(self, rows: Sequence[Row]) -> float:
        """Return the seconds that the visits have taken so far that count."""
        return spent_s(self._made(rows), self.earlier)

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

    def _choose(self, made: Sequence[Made]) -> list[Point]:
        """Return what the widest answer wants for which there is time: points of one length.

        The range goes first that had the least time for each of its open answers. All points get a
        new visit, also where some were there with others before: what is compared is measured side
        by side. What has the same number is taken for that, so the number is one that nothing has
        had at this length.
        """
        asked = [(chosen, self._ask(chosen, made)) for chosen in self.ranges]
        shares = [
            (spent_s(of_range(chosen, made), self.earlier) / len(questions), questions)
            for chosen, questions in asked
            if questions
        ]
        for _, questions in sorted(shares, key=lambda share: share[0]):
            for question in sorted(questions, key=lambda asked: -asked.wish.width):
                points = self._points(question, questions, made)
                if points:
                    return points
        return []

    def _points(
        self, question: Question, questions: Sequence[Question], made: Sequence[Made]
    ) -> list[Point]:
        """Return what a question wants, for all open ones of its range; nothing without time."""
        length = question.wish.length
        points = points_for(questions, length)
        may_be = fits(points, made, self.time_budget_s, self.earlier)
        return points if may_be and points_for([question], length) else []

    def _ask(self, chosen: Range, made: Sequence[Made]) -> list[Question]:
        mine = of_range(chosen, made)
        read = [tuple(one.row[name] for name in TOLD_APART_BY) for one in mine]
        known = (chosen.modality, chosen.phase, *read)
        if known not in self._asked:
            self._asked[known] = open_questions(chosen, mine, self.settings, self.earlier)
        return self._asked[known]
