"""What the visits of a point say: the one rule for repeated, failed and outdated measurements.

Verdicts, charts and tables all read rows through this file.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from profiling.rows.columns import Column, Row, effort_of, value_of

ANSWERS = ("ok", "oom", "skipped")
# One visit decides nothing: between visits there is noise that it cannot know.
MIN_VISITS = 2


@dataclass(frozen=True)
class Reading:
    """What is known of one column at one length.

    Args:
        status: ok, oom, skipped, error or missing (nobody asked for it).
        values: The values by visit; empty unless the status is ok.
        reason: Why there is no value, in the words of the first row that failed.
        num_oom: How many visits ran out of memory, where that is the status.
        num_disturbed: In how many visits neighbours took CPU time while a time was measured.
        disturbed: Whether disturbed values are among them, as where too few others are left.
    """

    status: str
    values: Mapping[int, float] = field(default_factory=dict)
    reason: str = ""
    num_oom: int = 0
    num_disturbed: int = 0
    disturbed: bool = False


def read_column(visits: Sequence[Row], column: Column, with_disturbed: bool = False) -> Reading:
    """Return what visits of one point, of one effort, say of a column.

    A row counts for what it has, also when another metric of it failed. It did not fail in a column
    that it was not asked for. A point that ran out of memory in at least as many visits as it
    worked in is out of memory; other failures leave the visits that worked. Of a time, visits that
    neighbours disturbed are left out where at least two others remain.

    Args:
        visits: Of one point, of one effort.
        column: What is read.
        with_disturbed: Whether disturbed visits stay, however many others there are.
    """
    found = {int(row.get("visit", 0)): finite(value_of(row, column)) for row in visits}
    values = {visit: value for visit, value in found.items() if value is not None}
    without = [row for row in visits if row.get("visit", 0) not in values]
    failed = [row for row in without if asks_for(row, column)]
    statuses = [str(row.get("status")) for row in failed]
    reason = next((str(row["error"]) for row in failed if row.get("error")), "")
    if "oom" in statuses and statuses.count("oom") >= len(values):
        return Reading("oom", reason=reason, num_oom=statuses.count("oom"))
    if values:
        return _undisturbed(values, visits, column, with_disturbed)
    known = [status for status in ("skipped", "error") if status in statuses]
    return Reading(known[0] if known else "missing", reason=reason)


def asks_for(row: Row, column: Column) -> bool:
    """Tell whether a visit was to measure a column; where its row does not say, it was."""
    asked = row.get("metrics")
    if asked is None or not column.measured_with:
        return True
    return any(metric in asked for metric in column.measured_with)


def _undisturbed(
    values: Mapping[int, float], visits: Sequence[Row], column: Column, with_disturbed: bool
) -> Reading:
    told = {int(row.get("visit", 0)) for row in visits if row.get("disturbed")}
    # Memory is the same whoever else computes.
    disturbed = told & values.keys() if column.unit != "MiB" else set()
    calm = {visit: value for visit, value in values.items() if visit not in disturbed}
    if disturbed and (with_disturbed or len(calm) < MIN_VISITS):
        return Reading("ok", values, num_disturbed=len(disturbed), disturbed=True)
    return Reading("ok", calm, num_disturbed=len(disturbed))


def finite(value: object) -> float | None:
    """Return a number that can be drawn, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


class Efforts:
    """The efforts of all rows, in the order in which they were last used."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Look at all rows, oldest first."""
        last = {effort_of(row): place for place, row in enumerate(rows)}
        self.newest_first = sorted(last, key=lambda effort: -last[effort])

    def newest(self, visits: Sequence[Row], column: Column) -> list[Row]:
        """Return the visits of the newest effort under which a point answers for a column."""
        return self.newest_of_both([visits], [], column)[0]

    def newest_of_both(
        self, ours: Sequence[Sequence[Row]], theirs: Sequence[Sequence[Row]], column: Column
    ) -> list[list[Row]]:
        """Return the visits of one effort, of several points at one length on two sides.

        It is the newest effort under which every point answers that answers under any; where there
        is none, the newest under which both sides answer. Where each side answers, but never under
        one effort, no visits are left: rows of two efforts never meet. Where a side answers under
        none, those of the newest effort under which any point was tried are left, which say why.

        Args:
            ours: The visits of each point of one side.
            theirs: The same of the other side; empty when there is only one.
            column: What is to be read.

        Returns:
            The visits of the points of `ours`, then of `theirs`.
        """
        points = [*ours, *theirs]
        split = {effort: [_of(visits, effort) for visits in points] for effort in self.newest_first}
        statuses = {
            effort: [read_column(visits, column).status for visits in by_point]
            for effort, by_point in split.items()
        }
        chosen = _chosen(statuses, len(ours))
        return [[] for _ in points] if chosen is None else split[chosen]


def _chosen(statuses: Mapping[str, Sequence[str]], num_ours: int) -> str | None:
    """Return the effort that `Efforts.newest_of_both` takes; None where no visits are left.

    Args:
        statuses: Of each point, by effort, the newest first.
        num_ours: How many points are of the first side.
    """
    answers = {effort: [one in ANSWERS for one in found] for effort, found in statuses.items()}
    best = [any(point) for point in zip(*answers.values(), strict=True)]
    of_all = [effort for effort, found in answers.items() if any(best) and found == best]
    of_both = [effort for effort, found in answers.items() if _on_both_sides(found, num_ours)]
    tried = [effort for effort, found in statuses.items() if set(found) != {"missing"}]
    if not of_both and _on_both_sides(best, num_ours):
        tried = []
    return next(iter([*of_all, *of_both, *tried]), None)


def _on_both_sides(answers: Sequence[bool], num_ours: int) -> bool:
    """Tell whether a point of each side answers that has any."""
    return all(any(side) for side in (answers[:num_ours], answers[num_ours:]) if side)


def answer_apart(
    ours: Sequence[Sequence[Row]], theirs: Sequence[Sequence[Row]], column: Column
) -> bool:
    """Tell whether both sides answer for a column, each under some effort of its own."""
    return all(
        any(
            read_column(_of(visits, effort), column).status in ANSWERS
            for visits in side
            for effort in {effort_of(row) for row in visits}
        )
        for side in (ours, theirs)
    )


def _of(visits: Sequence[Row], effort: str) -> list[Row]:
    return [row for row in visits if effort_of(row) == effort]
