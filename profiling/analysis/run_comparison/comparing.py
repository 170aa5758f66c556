"""Where a second run is faster or slower than a first one, point by point."""

from collections.abc import Iterable, Sequence
from typing import Any

from profiling.analysis.run_comparison.meetings import Meeting, judge_meetings, lost_answer
from profiling.analysis.run_comparison.run_answers import Alone, RunComparison
from profiling.analysis.run_comparison.shared_points import Point, Run, place_columns
from profiling.rows.columns import Row, columns_of, judged_columns, value_of


def compare_runs(first: Run, second: Run) -> RunComparison:
    """Compare every point in every metric that both runs have; visits are not paired.

    A point is left out of a metric where neither run has it, or neither has the memory for it.
    """
    points = sorted({*first.points, *second.points}, key=lambda point: point.order)
    found = RunComparison([], num_shared=len({*first.points} & {*second.points}))
    alone: tuple[dict[Point, list[str]], dict[Point, list[str]]] = ({}, {})
    for metric in judged_columns():
        meetings = [m for point in points for m in _meetings(first, second, point, metric)]
        found.answers.extend(judge_meetings(metric, meetings))
        found.failed.extend(lost_answer(metric, meeting) for meeting in meetings if meeting.failed)
        for meeting in meetings:
            if meeting.first.is_answer != meeting.second.is_answer:
                alone[meeting.second.is_answer].setdefault(meeting.point, []).append(metric)
    for answers in (found.answers, found.failed):
        answers.sort(key=lambda answer: answer.point.order)
    for listed, by_point in zip((found.only_first, found.only_second), alone, strict=True):
        listed.extend(Alone(p, tuple(dict.fromkeys(by_point[p]))) for p in points if p in by_point)
    return found


def _meetings(first: Run, second: Run, point: Point, metric: str) -> Iterable[Meeting]:
    for ours, theirs in first.meet(second, point):
        yield Meeting(
            point,
            _shared_place(ours, theirs),
            first.measured(ours, metric),
            second.measured(theirs, metric),
        )


def _shared_place(ours: Sequence[Row], theirs: Sequence[Row]) -> dict[str, Any]:
    if not ours or not theirs:
        return {}
    both = {c.name: (value_of(ours[0], c), value_of(theirs[0], c)) for c in place_columns()}
    shared = {name: ours for name, (ours, theirs) in both.items() if ours == theirs}
    return shared | _values_on_axis([*ours, *theirs])


def _values_on_axis(visits: Sequence[Row]) -> dict[str, Any]:
    """Return what the visits say of their input; null where none says anything, or two differ."""
    found = {
        column.name: {value_of(row, column) for row in visits} - {None}
        for column in columns_of("condition")
        if column.on_axis
    }
    return {
        name: next(iter(values)) if len(values) == 1 else None for name, values in found.items()
    }
