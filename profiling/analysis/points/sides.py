"""What one side of a comparison costs at each length."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from profiling.analysis.points.groups import Points
from profiling.analysis.points.readings import MIN_VISITS, read_column
from profiling.rows.columns import Column, Row, judged_columns

MEMORY_RESOLUTION_MIB = 1.0
# Raw values behind a metric; latencies at its batch size tell the noise of a throughput as well.
SAMPLES = {"latency": "latency_ms_samples", "throughput": "throughput_latency_ms_samples"}


@dataclass(frozen=True)
class Side:
    """What one side of a comparison costs at one length.

    Args:
        status: ok, oom, skipped, error or missing (not measured, or without this metric).
        implementation: The one that ran.
        costs: By visit; lower is better, so seconds per sample instead of a throughput.
        samples: The raw latencies behind them, by visit; memory has none.
        reason: Why there is no cost, in the words of the row.
        num_oom: How many visits ran out of memory, where that is the status.
        disturbed: Whether there are visits among them in which neighbours took CPU time.
        effective_length: Tokens computed on, after padding; None where the rows do not say.
        chosen_costs: By visit, of the implementation that is the best of several, whose noise
            they tell; empty where there was nothing to choose.
    """

    status: str
    implementation: str = ""
    costs: Mapping[int, float] = field(default_factory=dict)
    samples: Mapping[int, Sequence[float]] = field(default_factory=dict)
    reason: str = ""
    num_oom: int = 0
    disturbed: bool = False
    effective_length: int | None = None
    chosen_costs: Mapping[int, float] = field(default_factory=dict)

    @property
    def mean_log_cost(self) -> float:
        """The mean over the visits."""
        return math.fsum(map(math.log, self.costs.values())) / len(self.costs)

    @property
    def num_visits(self) -> int:
        """How many visits say what its status says."""
        return self.num_oom if self.status == "oom" else len(self.costs)


def best_sides(
    points: Mapping[str, Points], lengths: Sequence[int], metric: str, with_disturbed: bool = False
) -> dict[int, Side]:
    """Return the best implementation at each length; with a single one, that one.

    The best of several noisy values flatters, so what a visit counts for is the value of the
    implementation that the *other* visits find best, unless one is best in every visit. One that
    works at some length and has no answer at another leaves the best unknown there.

    Args:
        points: The visits of each implementation by length.
        lengths: Where.
        metric: latency, throughput or memory.
        with_disturbed: Whether disturbed visits count, however many others there are.
    """
    sides = {
        name: {
            length: read_side(name, by.get(length, []), metric, with_disturbed)
            for length in lengths
        }
        for name, by in points.items()
    }
    working = {
        name: by for name, by in sides.items() if any(side.status == "ok" for side in by.values())
    }
    return {
        length: best_of([by[length] for by in (working or sides).values()]) for length in lengths
    }


def read_side(
    implementation: str, visits: Sequence[Row], metric: str, with_disturbed: bool = False
) -> Side:
    """Return what one implementation costs at one length, from its visits under one effort."""
    column = judged_columns()[metric]
    reading = read_column(visits, column, with_disturbed)
    if reading.status != "ok":
        return Side(reading.status, implementation, reason=reading.reason, num_oom=reading.num_oom)
    costs = {visit: _cost(value, column) for visit, value in reading.values.items()}
    costs = {visit: cost for visit, cost in costs.items() if 0 < cost < math.inf}
    if not costs:
        return Side("missing", implementation)
    name = SAMPLES.get(metric, "")
    samples = {row["visit"]: row.get(name) or () for row in visits}
    computed_on = {row.get("effective_sequence_length") for row in visits} - {None}
    effective = computed_on.pop() if len(computed_on) == 1 else None
    return Side(
        "ok",
        implementation,
        costs,
        samples,
        disturbed=reading.disturbed,
        effective_length=effective,
    )


def _cost(value: float, column: Column) -> float:
    """Return what is better when it is lower; zero where the value cannot be."""
    if column.judged == "memory":
        return max(value, MEMORY_RESOLUTION_MIB)
    return 1 / value if column.higher_is_better and value > 0 else value


def best_of(sides: Sequence[Side]) -> Side:
    """Return the best of several implementations at one length, or why it is unknown."""
    unknown = [side for side in sides if side.status in ("missing", "error")]
    if not sides or unknown:
        failed = [side for side in unknown if side.status == "error"]  # which says why
        return next(iter([*failed, *unknown]), Side("missing"))
    able = [side for side in sides if side.status == "ok"]
    if not able:
        # None of them fits: that is as sure as it is of the one that was tried least often.
        out = [side for side in sides if side.status == "oom"]
        return min(out, key=lambda side: side.num_oom, default=sides[0])
    overall = min(able, key=lambda side: side.mean_log_cost)
    rivals = [side for side in able if side is not overall]
    if all(_is_clear(overall, rival) for rival in rivals):
        return replace(overall, disturbed=any(side.disturbed for side in able))
    visits = sorted({visit for side in able for visit in side.costs})
    chosen = {visit: _best_by_others(able, visit) for visit in visits}
    return Side(
        "ok",
        overall.implementation,
        {visit: side.costs[visit] for visit, side in chosen.items()},
        {visit: side.samples.get(visit, ()) for visit, side in chosen.items()},
        disturbed=any(side.disturbed for side in able),
        effective_length=overall.effective_length,
        chosen_costs=overall.costs,
    )


def _is_clear(best: Side, rival: Side) -> bool:
    """Tell whether one is better in every visit, so that no choice among them could be lucky."""
    if len(best.costs) < MIN_VISITS or best.costs.keys() - rival.costs.keys():
        return False
    return all(cost < rival.costs[visit] for visit, cost in best.costs.items())


def _best_by_others(sides: Sequence[Side], visit: int) -> Side:
    def judged_by_others(side: Side) -> float:
        others = {number: cost for number, cost in side.costs.items() if number != visit}
        return Side("ok", costs=others or side.costs).mean_log_cost

    return min((side for side in sides if visit in side.costs), key=judged_by_others)
