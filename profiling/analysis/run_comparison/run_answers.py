"""What two runs say of each other: an answer per point and metric, and what only one has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from profiling.analysis.run_comparison.shared_points import Point
from profiling.analysis.statistics.intervals import TAIL
from profiling.rows.columns import Row, columns_of


@dataclass(frozen=True)
class Answer:
    """What two runs say of one point in one metric.

    Args:
        point: What was measured.
        place: What the two share of `PLACE`, and what they know of the input's size, by column.
        metric: latency, throughput or memory.
        verdict: faster (the second run costs less), slower, or cannot_tell.
        ratio: Cost in the second run over cost in the first one, below 1 where the second is
            better; null where one of them has no value, or the second run lost the point.
        ci_low: Lower end of its 95 % interval; null where a run has fewer than two visits.
        ci_high: Upper end.
        reason: Why there is no interval; empty where there is one.
        is_lost: Whether the first run has a number, and the second one tried and has none that
            counts.
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
            "conditions": _named(values),
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
    def unjudged(self) -> list[Answer]:
        """Answers that wait for further visits; running out of memory needs no interval."""
        return [a for a in self.answers if a.ci_low is None and a.verdict == "cannot_tell"]

    @property
    def num_by_chance(self) -> float:
        """How many of them would differ if nothing had changed."""
        return self.num_judged * 2 * (1 - TAIL)

    def median_ratio(self, metric: str) -> float | None:
        """Return the middle of all ratios of a metric: what the runs differ by as a whole."""
        ratios = [a.ratio for a in self.answers if a.metric == metric and a.ratio is not None]
        return float(np.median(ratios)) if ratios else None


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return {c.name: values[c.name] for c in columns_of("condition") if c.name in values}
