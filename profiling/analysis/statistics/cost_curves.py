"""The two cost curves of a comparison between the measured lengths, and where they cross."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from profiling.analysis.statistics.cost_curve import CostCurve
from profiling.analysis.statistics.interpolation import last_crossing
from profiling.analysis.statistics.intervals import Array

POINTS_BETWEEN = 64


@dataclass(frozen=True)
class CostCurves:
    """What both sides cost at the compared lengths.

    Args:
        lengths: (lengths,), ascending.
        log_ratios: (lengths,), efficient over vanilla, infinite where one side is infeasible.
        vanilla: Of the vanilla side, through the lengths where both sides fit.
        efficient: The same of the other side.
    """

    lengths: Array
    log_ratios: Array
    vanilla: CostCurve
    efficient: CostCurve

    def crossings(self, deviations: Array) -> Array:
        """Return from where on the log-linear curve stays below zero when it is off by so much.

        A deviation is of both sides. Between two lengths that are padded to different ones, the
        side with the longer steps tells which of the two it comes from.

        Args:
            deviations: (curves, lengths), of the log ratio.

        Returns:
            (curves,), as `last_crossing` does.
        """
        places = self._places(0)
        coarser = max(self.efficient, self.vanilla, key=lambda side: side.padding or 0)
        drawn = deviations[:, self._finite] @ coarser.weights(places).T
        return last_crossing(places, drawn + self._straight(places))

    def crossing(self) -> float | None:
        """Return the zero of the log-linear curve; None where there is none."""
        places = self._places(0)
        return self._zero(places, self._straight(places))

    def bent_crossing(self) -> float | None:
        """Return the zero when each side bends between lengths as a + b n + c n^2 does."""
        places = self._places(POINTS_BETWEEN)
        return self._zero(places, self._bent(places))

    def bends(self) -> bool:
        """Tell whether bent curves foresee a length that is left out better than straight ones."""
        errors = np.zeros(2)
        for place in np.flatnonzero(self._finite)[1:-1]:
            rest = self.only(np.arange(len(self.lengths)) != place)
            at = self.lengths[[place]]
            foreseen = np.concatenate([rest._bent(at), rest._straight(at)])
            errors += np.abs(foreseen - self.log_ratios[place])
        return bool(errors[0] <= errors[1])

    def outermost_crossings(self) -> tuple[float, float]:
        """Return the earliest and the latest zero that costs through these points can have.

        The logarithm of a cost bends upwards over the logarithm of the length, as that of every
        sum of powers with positive parts does, and of the largest of several such: `cost_bounds`.
        Both are the ends of the measured range where a bound has no zero.
        """
        places = self._places(POINTS_BETWEEN)
        infinities, first = self._infinities(places), float(self.lengths[0])
        ours, theirs = self.efficient.bounds(places), self.vanilla.bounds(places)
        low, high = infinities + ours[0] - theirs[1], infinities + ours[1] - theirs[0]
        return self._zero(places, low) or first, self._zero(places, high) or first

    def only(self, used: NDArray[np.bool_]) -> "CostCurves":
        """Return the curves through some of the lengths."""
        of_both = used[self._finite]
        sides = self.vanilla.only(of_both), self.efficient.only(of_both)
        return CostCurves(self.lengths[used], self.log_ratios[used], *sides)

    def jump_before(self, crossing: float) -> float | None:
        """Return the length before a crossing at which one side begins or ceases to fit.

        None where both sides fit on both sides of the crossing.
        """
        after = int(np.searchsorted(self.lengths, crossing))
        pair = self.log_ratios[max(after - 1, 0) : after + 1]
        on_length = after < len(self.lengths) and self.lengths[after] == crossing
        return float(self.lengths[after - 1]) if on_length and np.isinf(pair).any() else None

    @property
    def _finite(self) -> NDArray[np.bool_]:
        return np.isfinite(self.log_ratios)

    def _zero(self, places: Array, curve: Array) -> float | None:
        return float(last_crossing(places, curve[None])[0]) if (curve >= 0).any() else None

    def _places(self, points_between: int) -> Array:
        """Return the measured lengths, and between two finite ones where the curve can bend."""
        finite = self._finite
        longest = float(self.lengths[-1])
        extra = [self.lengths, *(side.steps(longest) for side in (self.vanilla, self.efficient))]
        if points_between:
            logs = np.log(self.lengths)
            inside = np.linspace(0, len(logs) - 1, (len(logs) - 1) * points_between + 1)
            extra.append(np.exp(np.interp(inside, np.arange(len(logs)), logs)))
        found = np.unique(np.concatenate(extra))
        after = np.searchsorted(self.lengths, found)
        inner = (after > 0) & (after < len(finite))
        both = (
            inner
            & finite[np.clip(after - 1, 0, None)]
            & finite[np.clip(after, None, len(finite) - 1)]
        )
        return np.asarray(found[both | np.isin(found, self.lengths)])

    def _straight(self, places: Array) -> Array:
        between = self.efficient.straight(places) - self.vanilla.straight(places)
        return np.asarray(between + self._infinities(places))

    def _bent(self, places: Array) -> Array:
        between = self.efficient.bent(places) - self.vanilla.bent(places)
        return np.asarray(between + self._infinities(places))

    def _infinities(self, places: Array) -> Array:
        infinite = dict(zip(self.lengths, self.log_ratios, strict=True))
        values = np.array([infinite.get(place, 0.0) for place in places])
        return np.where(np.isinf(values), values, 0.0)
