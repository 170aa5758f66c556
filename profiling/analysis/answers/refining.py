"""Where an answer becomes narrower: at which length to measure next, or that it is narrow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from profiling.analysis.answers.comparisons import Comparison
from profiling.analysis.answers.duels import Duel
from profiling.analysis.answers.judging import Judged
from profiling.analysis.answers.verdicts import (
    WITH_VALUE,
    Answer,
    cost_curves,
    decide,
    is_trusted,
    trusted,
)
from profiling.analysis.statistics.intervals import TAIL, quantiles

# Two points are no curve: nobody would see what happens between the ends.
MIN_LENGTHS = 3
# Around a crossing. Who stops as soon as an interval looks narrow stops where noise is small by
# chance; so many visits of lengths so near were enough against it
# (`benchmarks/answers/refinement.py`).
MIN_VISITS_AROUND = 3
LARGEST_GAP = 1.7


@dataclass(frozen=True)
class Limits:
    """How far to go.

    Args:
        visits: The most that a length gets.
        target_factor: An interval is narrow when its upper end is so many times the lower one.
        middle: Returns a length between two others, None where there is none to measure.
    """

    visits: int
    target_factor: float
    middle: Callable[[int, int], int | None]


@dataclass(frozen=True)
class Wish:
    """What would make an answer narrower: one more visit of a length, its first one if it is new.

    Args:
        length: Where to measure.
        width: Of the answer so far: the upper over the lower end of where it may lie.
    """

    length: int
    width: float


def find_wish(
    comparison: Comparison,
    duels: Sequence[Duel],
    metric: str,
    visits: Mapping[int, int],
    limits: Limits,
) -> Wish | None:
    """Return what to measure for an answer; None when it is narrow, or cannot become narrower.

    Noise is that of each length's own visits: see `draw_deviations`.

    Args:
        comparison: What is compared.
        duels: Its lengths, shortest first.
        metric: latency, throughput or memory.
        visits: How often each length was visited, also where that gave no number.
        limits: How far to go.
    """
    if not duels:
        return None
    judged, answer = decide(comparison, duels, metric, borrows=False)
    search = _Search(judged, answer, [duel.length for duel in duels], visits, limits)
    length = search.next_length(lambda: _noise_factor(comparison, duels, judged))
    return None if length is None else Wish(length, search.width)


def _noise_factor(comparison: Comparison, duels: Sequence[Duel], judged: Judged) -> float:
    """Return how wide noise alone makes the interval: its upper over its lower end."""
    curves, deviations = trusted(judged, cost_curves(comparison, duels))
    low, high = quantiles(curves.crossings(deviations), (1 - TAIL, TAIL))
    return float(high / low)


@dataclass(frozen=True)
class _Search:
    judged: Judged
    answer: Answer
    lengths: Sequence[int]
    visits: Mapping[int, int]
    limits: Limits

    @property
    def trusted(self) -> list[int]:
        """The lengths that the curve goes through; another one gets more visits first."""
        found = zip(self.lengths, self.judged.outcomes, strict=True)
        return [length for length, outcome in found if is_trusted(outcome)]

    @property
    def width(self) -> float:
        """Where nothing is located yet, the answer may be at any length."""
        low, high = self.answer.ci_low, self.answer.ci_high
        if low is None or high is None or len(self.trusted) < MIN_LENGTHS:
            return self.lengths[-1] / self.lengths[0]
        return high / low

    def next_length(self, noise_factor: Callable[[], float]) -> int | None:
        """Return where to measure; `noise_factor` says how wide noise alone makes the interval."""
        if self.judged.outcomes[-1]["outcome"] == "tie":
            return self._again(self.lengths[-1:])
        if len(self.trusted) < MIN_LENGTHS and (middle := self._middle_of_widest(self.trusted)):
            return middle
        if self.answer.verdict not in WITH_VALUE:
            return None
        if self.answer.at_most and (shortest := self._again(self.lengths[:1])):
            return shortest
        around = self._around_value()
        if around and around[-1] / around[0] > LARGEST_GAP and (middle := self._middle(*around)):
            return middle
        if self.width <= self.limits.target_factor:
            enough = min(MIN_VISITS_AROUND, self.limits.visits)
            return self._again([length for length in around if self._visits(length) < enough])
        within = self._within_interval()
        again = self._again(within)
        if noise_factor() ** 2 > self.width:
            return again
        return self._middle_of_widest(within) or again

    def _within_interval(self) -> Sequence[int]:
        """Return the measured lengths that the interval covers and the nearest on both sides."""
        low, high = self.answer.ci_low, self.answer.ci_high
        assert low is not None
        assert high is not None
        first = int(np.searchsorted(self.trusted, low, side="right")) - 1
        last = int(np.searchsorted(self.trusted, high, side="left"))
        return self.trusted[max(first, 0) : last + 1]

    def _around_value(self) -> Sequence[int]:
        """Return the measured lengths before and after the value; none if it is the shortest."""
        value = self.answer.tipping_point
        assert value is not None
        after = int(np.searchsorted(self.trusted, value, side="left"))
        return self.trusted[after - 1 : after + 1] if after else ()

    def _middle(self, shorter: int, longer: int) -> int | None:
        middle = self.limits.middle(shorter, longer)
        return None if middle is None else self._again([middle])

    def _middle_of_widest(self, lengths: Sequence[int]) -> int | None:
        gaps = sorted(pairwise(lengths), key=lambda gap: gap[0] / gap[1])
        # Between nearer lengths it is noise that makes an interval wide.
        wide = [gap for gap in gaps if gap[1] / gap[0] > self.limits.target_factor]
        middles = (self._middle(*gap) for gap in wide)
        return next((middle for middle in middles if middle is not None), None)

    def _again(self, lengths: Sequence[int]) -> int | None:
        left = [length for length in lengths if self._visits(length) < self.limits.visits]
        return min(left, key=self._visits, default=None)

    def _visits(self, length: int) -> int:
        return self.visits.get(length, 0)
