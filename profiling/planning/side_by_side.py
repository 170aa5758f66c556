"""What is measured side by side: which points, how often they were, and with which number next.

What is compared is measured at one time, as a whole, with a number that nothing in the run had at
its length and phase: a comparison takes what has one number for a pair. A machine is another one
on another day, so what joins later, failed or was disturbed gets a new number, and what it is
compared with gets it, too.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from lightning_modules.variants import find_variant, vanilla_of
from profiling.planning.points import Point
from profiling.planning.visits import Visit
from profiling.rows.columns import Row
from profiling.rows.pairs import parse_pair

Visited = tuple[str, int]
"""The key of a point, and the number of a visit."""


@dataclass(frozen=True)
class Earlier:
    """What was made before a sweep began, and what of it does not count.

    A visit that failed may have failed by chance, and one that others disturbed decides nothing.
    Neither counts as a visit, nor its seconds as time spent, once another sweep begins: that one
    makes another in its place. Within one sweep they count, or there would be no end.

    Args:
        made: All visits.
        failed: Those that ended in an error.
        disturbed: Those beside which other processes computed.
        failing: The keys of the points whose last visit failed.
    """

    made: frozenset[Visited] = frozenset()
    failed: frozenset[Visited] = frozenset()
    disturbed: frozenset[Visited] = frozenset()
    failing: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Earlier":
        """Return what the rows say that are there when a sweep begins."""
        rows = list(rows)
        return cls(
            visited_in(rows),
            visited_in(row for row in rows if row["status"] == "error"),
            visited_in(row for row in rows if was_disturbed(row)),
            frozenset(row["key"] for row in failing(rows)),
        )

    @property
    def in_vain(self) -> frozenset[Visited]:
        """The visits that do not count."""
        return self.failed | self.disturbed

    def is_due(self, points: Iterable[Point], visited: Iterable[Visited]) -> bool:
        """Tell whether the last visit of one of some points failed then, and none was made since.

        An error that a later visit made good is not tried again: the row of it stays for ever.
        """
        due = self.failing - self._since(visited)
        return any(point.key in due for point in points)

    def failed_again(self, rows: Iterable[Row]) -> set[str]:
        """Return the keys of the points that failed then and failed since."""
        errors = visited_in(row for row in rows if row["status"] == "error")
        return {key for key, _ in self.failed} & self._since(errors)

    def _since(self, visited: Iterable[Visited]) -> set[str]:
        return {key for key, _ in {*visited} - self.made}


def failing(rows: Iterable[Row]) -> list[Row]:
    """Return the last rows of the points whose last visit failed."""
    last = {row["key"]: row for row in sorted(rows, key=lambda row: row["visit"])}
    return [row for row in last.values() if row["status"] == "error"]


def was_disturbed(row: Row) -> bool:
    """Tell whether other processes computed on the cores of a visit."""
    return bool(row.get("disturbed"))


def visited_in(rows: Iterable[Row]) -> frozenset[Visited]:
    """Return the visits of which there are rows, whatever came out of them."""
    return frozenset((row["key"], row["visit"]) for row in rows)


def compared(points: Sequence[Point], pairs: Iterable[str] = ()) -> list[list[Point]]:
    """Return what has to be measured side by side of the points of one length and phase.

    That is each model with those that it is compared with, and each one alone, all kernels of it:
    of some of them nobody would know the best. What is skipped is measured with nothing.

    Args:
        points: All that are planned there.
        pairs: Of the settings: what else is compared.
    """
    models: dict[tuple[str, int | None, str | None], list[Point]] = {}
    for point in points:
        if not point.skip_reason:
            model = point.variant, point.attention_window, point.checkpoint
            models.setdefault(model, []).append(point)
    rivals = {frozenset((one, other)) for (one, _), (other, _) in map(parse_pair, pairs)}
    for name in {point.variant for point in points}:
        if not find_variant(points[0].modality, name).is_vanilla:
            rivals.add(frozenset((name, vanilla_of(points[0].modality, name))))
    meeting = (
        mine + theirs
        for (one, mine), (other, theirs) in combinations(models.items(), 2)
        if frozenset((one[0], other[0])) in rivals
    )
    return [*models.values(), *meeting]


def next_visits(
    points: Sequence[Point], rows: Iterable[Row], in_vain: Collection[Visited] = ()
) -> list[Visit]:
    """Return a visit of some points of one length and phase that is made side by side.

    Args:
        points: Those.
        rows: All of the run, also of what this sweep does not plan: a later one may compare it.
        in_vain: What of the visits does not count.
    """
    here = {_place(point.columns) for point in points}
    made = [row for row in rows if row["status"] != "skipped" and _place(row) in here]
    number = max((row["visit"] + 1 for row in made), default=0)
    counted = visited_in(made) - {*in_vain}
    return [
        Visit(point, number, num_before(point, points, counted)) for point in turn(points, number)
    ]


def _place(row: Row) -> tuple[object, ...]:
    """Return length and phase: by the raw input, which all variants share; a text has none."""
    return row["modality"], row["phase"], row["input_size"] or row["sequence_length"]


def turn(group: Sequence[Point], number: int) -> list[Point]:
    """Return what is compared so that each visit begins with another point."""
    first = number % max(len(group), 1)
    return [*group[first:], *group[:first]]


def num_common(points: Sequence[Point], visited: Iterable[Visited]) -> int:
    """Return how many visits all of some points have had: only what was side by side is compared.

    There must be a point.
    """
    numbers: Mapping[str, set[int]] = {point.key: set() for point in points}
    for key, number in visited:
        if key in numbers:
            numbers[key].add(number)
    return len(set.intersection(*numbers.values()))


def num_before(point: Point, beside: Iterable[Point], visited: Collection[Visited]) -> int:
    """Return how many visits a point has had with each of those beside it, at least.

    It may stand among them itself; there must be one.
    """
    return min(num_common([point, other], visited) for other in beside)
