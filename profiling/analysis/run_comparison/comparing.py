"""Where a second run is faster or slower than a first one, point by point."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from profiling.analysis.points.sides import MEMORY_RESOLUTION_MIB
from profiling.analysis.run_comparison.shared_points import PLACE, Measured, Point, Run
from profiling.analysis.statistics.intervals import TAIL, Array, bounded
from profiling.analysis.statistics.unpaired import FEWEST_VISITS, unpaired_intervals
from profiling.rows.columns import Row, columns_of, judged_columns, value_of

# Statuses of a run that went for a number and has none, unlike one that never asked for it.
FAILED = {"error": "failed", "skipped": "skipped it"}


@dataclass(frozen=True)
class Answer:
    """What two runs say of one point in one metric.

    Args:
        point: What was measured.
        place: What the two share of device, threads and allocator, by column.
        metric: latency, throughput or memory.
        verdict: faster (the second run costs less), slower, or cannot_tell.
        ratio: Cost in the second run over cost in the first one, below 1 where the second is
            better; null where one of them has no value.
        ci_low: Lower end of its 95 % interval; null where a run has fewer than two visits.
        ci_high: Upper end.
        reason: Why there is no interval; empty where there is one.
        is_lost: Whether the first run has a number, and the second one tried and has none.
    """

    point: Point
    place: Row
    metric: str
    verdict: str
    ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    reason: str = ""
    is_lost: bool = False

    def is_slower_than(self, percent: float) -> bool:
        """Tell whether all of the interval lies above what is allowed; no memory lies above all."""
        if self.ci_low is None:
            return self.verdict == "slower"
        return self.ci_low > 1 + percent / 100

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of `compare --json`; it says why where it has no interval."""
        values = self.point.columns | dict(self.place)
        return {
            "identity": {c.name: values[c.name] for c in columns_of("identity")},
            "conditions": {c.name: values[c.name] for c in _named(values)},
            **{name: getattr(self, name) for name in ("metric", "ratio", "ci_low", "ci_high")},
            "verdict": self.verdict,
            **({"reason": self.reason} if self.reason else {}),
        }


@dataclass(frozen=True)
class Alone:
    """A point that only one of two runs has, in some metrics or in all."""

    point: Point
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class RunComparison:
    """Two runs compared.

    Args:
        answers: One per point and metric that both have.
        only_first: What the second run lacks.
        only_second: What the first run lacks.
        num_shared: How many points both tried, also those where one has no number.
        failed: One per point and metric that only the first run has, because it failed or was
            skipped in the second one: no answer, but not a point that nobody asked for either.
    """

    answers: list[Answer]
    only_first: list[Alone] = field(default_factory=list)
    only_second: list[Alone] = field(default_factory=list)
    num_shared: int = 0
    failed: list[Answer] = field(default_factory=list)

    @property
    def lost(self) -> list[Answer]:
        """What the first run has and the second one tried in vain, in however few visits."""
        return [answer for answer in (*self.answers, *self.failed) if answer.is_lost]

    @property
    def num_judged(self) -> int:
        """How many answers have an interval, hence could be wrong by chance."""
        return sum(answer.ci_low is not None for answer in self.answers)

    @property
    def num_unjudged(self) -> int:
        """How many answers wait for further visits; running out of memory needs no interval."""
        return sum(a.ci_low is None and a.verdict == "cannot_tell" for a in self.answers)

    @property
    def num_by_chance(self) -> float:
        """How many of them would differ if nothing had changed."""
        return self.num_judged * 2 * (1 - TAIL)

    def median_ratio(self, metric: str) -> float | None:
        """Return the middle of all ratios of a metric: what the runs differ by as a whole."""
        ratios = [a.ratio for a in self.answers if a.metric == metric and a.ratio is not None]
        return float(np.median(ratios)) if ratios else None


@dataclass(frozen=True)
class _Meeting:
    point: Point
    place: Row
    first: Measured
    second: Measured


def compare_runs(first: Run, second: Run) -> RunComparison:
    """Compare every point in every metric that both runs have; visits are not paired.

    A point is left out of a metric where neither run has it, or neither has the memory for it.
    """
    points = sorted({*first.points, *second.points}, key=lambda point: point.order)
    found = RunComparison([], num_shared=len({*first.points} & {*second.points}))
    alone: tuple[dict[Point, list[str]], dict[Point, list[str]]] = ({}, {})
    for metric in judged_columns():
        meetings = [m for point in points for m in _meetings(first, second, point, metric)]
        found.answers.extend(_judge(metric, meetings))
        found.failed.extend(_failed(metric, m) for m in meetings if _is_failed(m))
        for meeting in meetings:
            if meeting.first.is_answer != meeting.second.is_answer:
                alone[meeting.second.is_answer].setdefault(meeting.point, []).append(metric)
    for answers in (found.answers, found.failed):
        answers.sort(key=lambda answer: answer.point.order)
    for listed, by_point in zip((found.only_first, found.only_second), alone, strict=True):
        listed.extend(Alone(p, tuple(dict.fromkeys(by_point[p]))) for p in points if p in by_point)
    return found


def _meetings(first: Run, second: Run, point: Point, metric: str) -> Iterable[_Meeting]:
    for ours, theirs in first.meet(second, point):
        yield _Meeting(
            point,
            _shared_place(ours, theirs),
            first.measured(ours, metric),
            second.measured(theirs, metric),
        )


def _shared_place(ours: Sequence[Row], theirs: Sequence[Row]) -> dict[str, Any]:
    if not ours or not theirs:
        return {}
    columns = [column for column in columns_of("condition") if column.name in PLACE]
    both = {c.name: (value_of(ours[0], c), value_of(theirs[0], c)) for c in columns}
    return {name: ours for name, (ours, theirs) in both.items() if ours == theirs}


def _named(values: Row) -> list[Any]:
    return [column for column in columns_of("condition") if column.name in values]


def _judge(metric: str, meetings: Iterable[_Meeting]) -> list[Answer]:
    by_statuses: dict[tuple[str, str], list[_Meeting]] = {}
    for meeting in meetings:
        statuses = (meeting.first.status, meeting.second.status)
        by_statuses.setdefault(statuses, []).append(meeting)
    without = by_statuses.get(("ok", "oom"), []) + by_statuses.get(("oom", "ok"), [])
    answers = [_without_memory(metric, meeting) for meeting in without]
    ran = by_statuses.get(("ok", "ok"), [])
    differences, halves = unpaired_intervals(
        [m.second.log_costs for m in ran], [m.first.log_costs for m in ran]
    )
    pairs = zip(ran, differences.tolist(), halves.tolist(), strict=True)
    return answers + [_answer(metric, m, middle, half) for m, middle, half in pairs]


def _answer(metric: str, meeting: _Meeting, difference: float, half: float) -> Answer:
    about = (meeting.point, meeting.place, metric)
    if math.isnan(difference):
        return Answer(*about, "cannot_tell", reason=_why_not(meeting))
    ratio = math.exp(bounded(difference))
    if math.isnan(half):
        return Answer(*about, "cannot_tell", ratio, reason=_why_not(meeting))
    if metric == "memory":
        half = max(half, _resolution(meeting.first.log_costs, meeting.second.log_costs))
    low, high = difference - half, difference + half
    verdict = "faster" if high < 0 else "slower" if low > 0 else "cannot_tell"
    ci_low, ci_high = (math.exp(bounded(end)) for end in (low, high))
    return Answer(*about, verdict, ratio, ci_low, ci_high)


def _why_not(meeting: _Meeting) -> str:
    counts = f"{meeting.first.num_visits} and {meeting.second.num_visits}"
    return f"{counts} undisturbed visits; each run needs {FEWEST_VISITS}"


def _is_failed(meeting: _Meeting) -> bool:
    return meeting.first.status == "ok" and meeting.second.status in FAILED


def _failed(metric: str, meeting: _Meeting) -> Answer:
    said = meeting.second.reason.strip().partition("\n")[0]
    reason = f"the second run {FAILED[meeting.second.status]}{f': {said}' if said else ''}"
    about = (meeting.point, meeting.place, metric)
    return Answer(*about, "cannot_tell", reason=reason, is_lost=True)


def _without_memory(metric: str, meeting: _Meeting) -> Answer:
    about = (meeting.point, meeting.place, metric)
    is_lost = meeting.second.status == "oom"
    reason = f"only the {'second' if is_lost else 'first'} run ran out of memory"
    verdict = "slower" if is_lost else "faster"
    if min(meeting.first.num_visits, meeting.second.num_visits) < FEWEST_VISITS:
        verdict, reason = "cannot_tell", f"{reason}, and there were {_why_not(meeting)}"
    return Answer(*about, verdict, reason=reason, is_lost=is_lost)


def _resolution(first: Array, second: Array) -> float:
    """Return how far off a log ratio of memory may be: each side is known to 1 MiB."""
    costs = (math.exp(float(np.mean(values))) for values in (first, second))
    return sum(math.log1p(MEMORY_RESOLUTION_MIB / cost) for cost in costs)
