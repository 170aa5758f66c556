"""At which length a comparison is measured next: by the gaps between its lengths."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from profiling.analysis.answers.judging import Judged
from profiling.analysis.answers.verdicts import WITH_VALUE, Answer, is_trusted

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
class Search:
    """The lengths of a comparison, and what they say so far.

    Args:
        judged: The outcomes.
        answer: What they say together.
        lengths: Of the outcomes, shortest first.
        visits: How often each was visited.
        limits: How far to go.
        in_vain: Lengths at which the two cannot be compared.
    """

    judged: Judged
    answer: Answer
    lengths: Sequence[int]
    visits: Mapping[int, int]
    limits: Limits
    in_vain: frozenset[int]

    @property
    def trusted(self) -> list[int]:
        """The lengths that the curve goes through; another one gets more visits first."""
        found = zip(self.lengths, self.judged.outcomes, strict=True)
        return [length for length, outcome in found if is_trusted(outcome)]

    @property
    def spent(self) -> set[int]:
        """The lengths that the curve does not go through, and that get no further visit."""
        others = {*self.lengths} - {*self.trusted}
        return {length for length in others if not self._again([length])} | self.in_vain

    @property
    def few(self) -> bool:
        """Whether nobody would see what happens between the ends."""
        return len(self.trusted) < MIN_LENGTHS

    @property
    def reach(self) -> tuple[int, int]:
        """The compared lengths, with the next on either side that was tried in vain."""
        shorter = [length for length in self.in_vain if length < self.lengths[0]]
        longer = [length for length in self.in_vain if length > self.lengths[-1]]
        return max(shorter, default=self.lengths[0]), min(longer, default=self.lengths[-1])

    @property
    def width(self) -> float:
        """Where nothing is located yet, the answer may be at any length that was not in vain."""
        low, high = self.answer.ci_low, self.answer.ci_high
        if low is None or high is None or self.few:
            shortest, longest = self.reach
            return longest / shortest
        return high / low

    def next_length(self, noise_factor: Callable[[], float]) -> int | None:
        """Return where to measure; `noise_factor` says how wide noise alone makes the interval."""
        if self.few and (longer := self._middle_beyond()):
            return longer
        if self.judged.outcomes[-1]["outcome"] == "tie":
            return self._again(self.lengths[-1:])
        if self.few and (middle := self._middle_of_widest({*self.trusted, *self.spent})):
            return middle
        return self._narrowing(noise_factor) if self.answer.verdict in WITH_VALUE else None

    def _narrowing(self, noise_factor: Callable[[], float]) -> int | None:
        """Return where a located answer becomes narrower."""
        if self.answer.at_most and (shortest := self._again(self.lengths[:1])):
            return shortest
        around = self._around_value()
        if middle := self._middle_of_widest(around, LARGEST_GAP):
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

    def _middle_beyond(self) -> int | None:
        """Return a length between the longest of the curve and the next one tried in vain."""
        longest = self.reach[1]
        is_beyond = longest in self.in_vain
        return self._middle_of_widest([*self.trusted[-1:], longest]) if is_beyond else None

    def _middle_of_widest(self, lengths: Iterable[int], factor: float | None = None) -> int | None:
        """Return the middle of the widest gap that has one, of the gaps wider than a factor.

        Spent lengths between the others part their gaps.

        Args:
            lengths: The others.
            factor: By default the one of the settings: between nearer lengths it is noise that
                makes an interval wide.
        """
        known = {*lengths}
        known |= {length for length in self.spent if known and min(known) < length < max(known)}
        gaps = [gap for gap in pairwise(sorted(known)) if not {*gap} <= self.spent]
        least = self.limits.target_factor if factor is None else factor
        wide = [gap for gap in gaps if gap[1] / gap[0] > least]
        middles = (self._middle(*gap) for gap in sorted(wide, key=lambda gap: gap[0] / gap[1]))
        return next((middle for middle in middles if middle is not None), None)

    def _middle(self, shorter: int, longer: int) -> int | None:
        middle = self.limits.middle(shorter, longer)
        return None if middle is None else self._again([middle])

    def _again(self, lengths: Sequence[int]) -> int | None:
        left = [length for length in lengths if self._visits(length) < self.limits.visits]
        return min(left, key=self._visits, default=None)

    def _visits(self, length: int) -> int:
        return self.limits.visits if length in self.in_vain else self.visits.get(length, 0)
