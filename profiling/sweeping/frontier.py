"""The search for the largest value that fits: grow, predict, try; nothing is believed untried."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from profiling.sweeping.memory_law import predict_border
from profiling.sweeping.tries import Attempt, Border, LimitedBy, Limits, Outcome, Try

LIMITS: dict[Outcome, LimitedBy] = {"oom": "memory", "positions": "positions", "time": "time"}

# The smallest value that failed is at most so much above the largest that fits.
TOLERANCE = 0.04
# A prediction has so much of the tolerance to be wrong by, on either side.
SLACK = TOLERANCE / 3
# So many times the largest value that fitted may be tried next: where the peaks seen so far rose by
# more than `CLEAR_RISE` of the budget, what was fitted to them is more than their noise.
GROWTH, CLEAR_GROWTH, CLEAR_RISE = 16, 64, 0.02
FIRST_GROWTH = 8
SMALL_STEP = 1.5
FAILURES = ("oom", "positions")


@dataclass
class _Search:
    attempt: Attempt
    limits: Limits
    tries: list[Try] = field(default_factory=list)

    @property
    def failed(self) -> dict[int, Try]:
        """The tries that failed, by their value."""
        return {one.value: one for one in self.tries if one.outcome in FAILURES}

    @property
    def fitting(self) -> list[Try]:
        """One try of each value that fitted and never failed, smallest first."""
        fitted = {one.value: one for one in self.tries if one.outcome == "ok"}
        border = min(self.failed, default=None)
        return [fitted[value] for value in sorted(fitted) if border is None or value < border]

    def run(self) -> Border:
        """Search, verify; where the answer fails then, go on below it."""
        while True:
            ended_by = self._narrow()
            if ended_by == "error" or not self.fitting:
                return self._answer(ended_by)
            self._try(self.fitting[-1].value, verifies=True)
            if self.tries[-1].outcome not in FAILURES:
                ended_by = "error" if self.tries[-1].outcome in ("error", "time") else ended_by
                return self._answer(ended_by)

    def _narrow(self) -> LimitedBy | Literal["error"]:
        """Try values until the border is known well enough; return what ended that."""
        while True:
            value = self._next()
            if value is None:
                return self._limit()
            if self._seconds_of(value) > self._seconds_left():
                return "time"
            self._try(value)
            if (outcome := self.tries[-1].outcome) in ("error", "time"):
                return "error" if outcome == "error" else "time"

    def _limit(self) -> LimitedBy:
        failed = self.failed
        return LIMITS[failed[min(failed)].outcome] if failed else self.limits.limited_at_cap

    def _answer(self, ended_by: LimitedBy | Literal["error"]) -> Border:
        infeasible = min(self.failed, default=None)
        if ended_by == "error":
            return Border(None, infeasible, None, self.tries, self.tries[-1].error or "it gave up")
        feasible = self.fitting[-1].value if self.fitting else None
        return Border(feasible, infeasible, ended_by, self.tries)

    def _try(self, value: int, verifies: bool = False) -> None:
        left = None if verifies else self._seconds_left()
        self.tries.append(self.attempt(value, verifies, left))

    def _seconds_left(self) -> float:
        return self.limits.seconds - sum(one.seconds for one in self.tries)

    def _seconds_of(self, value: int) -> float:
        """Return what a try will take at least: as long as that of a smaller value."""
        smaller = [one.seconds for one in self.fitting if one.value < value]
        return smaller[-1] if smaller else 0.0

    def _next(self) -> int | None:
        """Return the value to try next; None where the border is known well enough."""
        limits, failed, fitting = self.limits, self.failed, self.fitting
        above = min(failed, default=None)
        if not fitting:
            if above is None:
                return limits.start
            return None if above <= limits.least else self._rounded((limits.least * above) ** 0.5)
        below = fitting[-1].value
        if above is None:
            return None if below >= limits.cap else self._larger(fitting)
        if above - below <= max(limits.step, TOLERANCE * below):
            return None
        return self._between(fitting, above)

    def _larger(self, fitting: Sequence[Try]) -> int:
        """Return a value above all that were tried."""
        below = fitting[-1].value
        power = 1 / min(self.limits.degree, 2)
        wanted = self._predicted(fitting)
        if wanted is None:
            wanted = below * FIRST_GROWTH**power
        wanted = max(wanted, below * (1 + SLACK * 2 ** self._small_steps(fitting)))
        clear = self._rise(fitting) > CLEAR_RISE * self.limits.budget_mib
        largest = below * (CLEAR_GROWTH if clear else GROWTH) ** power
        return self._clamped(min(wanted, largest), below, self.limits.cap + self.limits.step)

    def _between(self, fitting: Sequence[Try], above: int) -> int:
        """Return a value between the largest that fits and the smallest that fails."""
        below = fitting[-1].value
        wanted = None if self._is_slow() else self._predicted(fitting)
        narrow = (1 + TOLERANCE) ** 0.5
        if wanted is None or not below * narrow <= wanted <= above / narrow:
            wanted = (below * above) ** 0.5
        return self._clamped(wanted, below, above)

    def _predicted(self, fitting: Sequence[Try]) -> float | None:
        """Return a value just below the predicted border, or just above it when near to that."""
        seen = [(one.value, one.peak_memory_mib or 0.0) for one in fitting]
        border = predict_border(seen, self.limits.budget_mib, self.limits.degree)
        if border is None:
            return None
        below = fitting[-1].value
        if border * (1 - SLACK) > below * (1 + SLACK):
            return border * (1 - SLACK)
        return max(border * (1 + SLACK), below * (1 + 2 * SLACK))

    def _is_slow(self) -> bool:
        """Tell whether predictions had their chance: two tries since the first failure."""
        places = [place for place, one in enumerate(self.tries) if one.outcome in FAILURES]
        return len(self.tries) - places[0] > 2

    def _small_steps(self, fitting: Sequence[Try]) -> int:
        """Return how often in a row the border was thought near, and something larger fitted."""
        values = [one.value for one in reversed(fitting)]
        ratios = [above / below for above, below in itertools.pairwise(values)]
        return len(list(itertools.takewhile(lambda ratio: ratio < SMALL_STEP, ratios)))

    def _rise(self, fitting: Sequence[Try]) -> float:
        peaks = [one.peak_memory_mib or 0.0 for one in fitting]
        return max(peaks) - min(peaks)

    def _rounded(self, value: float) -> int:
        step = self.limits.step
        return max(self.limits.least, int(value) // step * step)

    def _clamped(self, value: float, below: int, above: int) -> int:
        step = self.limits.step
        return min(max(self._rounded(value), below + step), max(above - step, below + step))


def find_border(attempt: Attempt, limits: Limits) -> Border:
    """Search the largest value that fits, to within `TOLERANCE`.

    Values grow from the first one until one fails; the next one is where the peaks of those that
    fitted reach the budget, by a curve through them, and a middle where that proves wrong. The
    answer is verified by a second try.

    Args:
        attempt: Tries a value. An outcome of error ends the search.
        limits: Where it looks.
    """
    return _Search(attempt, limits).run()
