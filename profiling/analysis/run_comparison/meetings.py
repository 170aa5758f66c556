"""What is to be said where two runs meet at a point."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from datamodules.counted import counted
from profiling.analysis.points.sides import MEMORY_RESOLUTION_MIB
from profiling.analysis.run_comparison.run_answers import Answer
from profiling.analysis.run_comparison.shared_points import FAILED, Measured, Point
from profiling.analysis.statistics.intervals import Array, bounded
from profiling.analysis.statistics.unpaired import FEWEST_VISITS, unpaired_intervals
from profiling.rows.columns import Row

WORDS = {"error": "failed", "skipped": "skipped it"}


@dataclass(frozen=True)
class Meeting:
    """What two runs measured of one point in one metric, under the conditions of `place`."""

    point: Point
    place: Row
    first: Measured
    second: Measured

    @property
    def failed(self) -> bool:
        """Whether the first run alone has a number, because the second one tried in vain."""
        return self.first.status == "ok" and self.second.status in FAILED

    @property
    def mostly_failed(self) -> bool:
        """Whether both have a number, but only the second one failed too often for it to count."""
        return self.second.mostly_failed and not self.first.mostly_failed


def judge_meetings(metric: str, meetings: Iterable[Meeting]) -> list[Answer]:
    """Return an answer for each point where both runs say something of a metric."""
    by_statuses: dict[tuple[str, str], list[Meeting]] = {}
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


def lost_answer(metric: str, meeting: Meeting) -> Answer:
    """Return what is said of a point that failed or was skipped in the second run."""
    second = meeting.second
    told = next(word for word in WORDS if word in (second.status, *second.failures))
    tried = len(second.failures) + second.num_visits + second.num_disturbed
    often = f" in {len(second.failures)} of {counted(tried, 'visit')}" * (second.status == "ok")
    said = second.reason.strip().partition("\n")[0]
    reason = f"the second run {WORDS[told]}{often}{f': {said}' if said else ''}"
    about = (meeting.point, meeting.place, metric)
    return Answer(*about, "cannot_tell", reason=reason, is_lost=True)


def _answer(metric: str, meeting: Meeting, difference: float, half: float) -> Answer:
    if meeting.mostly_failed:
        return lost_answer(metric, meeting)
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


def _why_not(meeting: Meeting) -> str:
    sides = (meeting.first, meeting.second)
    counts = " and ".join(str(side.num_visits) for side in sides)
    undisturbed = "undisturbed " * any(side.num_disturbed for side in sides)
    return f"{counts} {undisturbed}visits; each run needs {FEWEST_VISITS}"


def _without_memory(metric: str, meeting: Meeting) -> Answer:
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
