"""How far the machine drifted during a sweep, by the readings of its sentinel."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import median

from profiling.analysis.points.readings import finite
from profiling.analysis.statistics.intervals import bounded
from profiling.rows.columns import Row

# With two, one that went wrong cannot be told from a machine that changed.
FEWEST_READINGS = 3


@dataclass(frozen=True)
class Steadiness:
    """What the sentinel says of a sweep.

    Args:
        series: The readings with a latency, oldest first; one series per sentinel, of which there
            are several where machines or settings changed.
        drift: Largest over smallest latency of the steadied readings that nobody disturbed; the
            largest of several sentinels'. None where there are too few of them.
        width: Upper over lower end of a typical interval of the answers in latency; None without
            one.
    """

    series: Sequence[Sequence[Row]]
    drift: float | None
    width: float | None

    @property
    def exceeds_answers(self) -> bool:
        """Whether the machine drifted by more than the answers' intervals are wide."""
        return self.drift is not None and self.width is not None and self.drift > self.width


def judge_steadiness(readings: Iterable[Row], tipping_points: Iterable[Row]) -> Steadiness:
    """Return what the readings of a sweep's sentinel say beside its answers.

    Args:
        readings: Of one or several sentinels, oldest first.
        tipping_points: The answers of the same sweep.
    """
    series: dict[str, list[Row]] = {}
    for reading in readings:
        if (finite(reading.get("latency_ms")) or 0.0) > 0:
            series.setdefault(str(reading["key"]), []).append(reading)
    drifts = [
        drift_of([float(row["latency_ms"]) for row in rows if not row.get("disturbed")])
        for rows in series.values()
    ]
    known = [drift for drift in drifts if drift is not None]
    return Steadiness([*series.values()], max(known, default=None), typical_width(tipping_points))


def drift_of(latencies: Sequence[float]) -> float | None:
    """Return largest over smallest of positive readings in order, after they were steadied.

    None for fewer than three readings.
    """
    if len(latencies) < FEWEST_READINGS:
        return None
    steadied = steady([log(latency) for latency in latencies])
    return exp(bounded(max(steadied) - min(steadied)))


def steady(values: Sequence[float]) -> list[float]:
    """Return the median of each value and its two neighbours, so that one outlier does not count.

    The first has no neighbour before it: it gets what the line through the next two steadied ones
    says, and likewise the last (Tukey, "Exploratory Data Analysis", 1977). At least three values.
    """
    inner = [median(values[place : place + 3]) for place in range(len(values) - 2)]
    # Of three values there is one inner one; the line then goes through the other end itself.
    second = inner[1] if len(inner) > 1 else values[-1]
    last_but_two = inner[-2] if len(inner) > 1 else values[0]
    first = median((values[0], inner[0], 3 * inner[0] - 2 * second))
    last = median((values[-1], inner[-1], 3 * inner[-1] - 2 * last_but_two))
    return [first, *inner, last]


def typical_width(tipping_points: Iterable[Row]) -> float | None:
    """Return the median of upper over lower end of all intervals in latency, length by length."""
    widths = [
        high / low
        for row in tipping_points
        if row.get("metric") == "latency"
        for item in row.get("lengths") or ()
        if (low := finite(item.get("ci_low"))) and (high := finite(item.get("ci_high")))
    ]
    return median(widths) if widths else None
