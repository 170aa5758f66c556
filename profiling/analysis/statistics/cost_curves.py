"""The two cost curves of a comparison between the measured lengths, and where they cross."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datamodules.geometry import PATCH_SIDE
from profiling.analysis.statistics.interpolation import cost_bounds, fit_costs, last_crossing
from profiling.analysis.statistics.intervals import Array

POINTS_BETWEEN = 64
# A step of padding beyond this many steps is less than half a percent of the length.
MAX_STEPS = 200
# Attention grows with the square of the tokens and nothing faster; tokens with that of the side.
STEEPEST, STEEPEST_IN_PIXELS = 2.0, 4.0


@dataclass(frozen=True)
class CostCurves:
    """What both sides cost at the compared lengths.

    Args:
        lengths: (lengths,), ascending.
        log_ratios: (lengths,), efficient over vanilla, infinite where one side is infeasible.
        vanilla: (lengths,), mean log cost; any number where it is infeasible.
        efficient: (lengths,), the same of the other side.
        padding: Tokens to a multiple of which the efficient side pads; None where it does not.
        in_pixels: Whether lengths are sides of images, so that tokens grow with their square.
    """

    lengths: Array
    log_ratios: Array
    vanilla: Array
    efficient: Array
    padding: int | None = None
    in_pixels: bool = False

    def crossings(self, deviations: Array) -> Array:
        """Return from where on the log-linear curve stays below zero when it is off by so much.

        Args:
            deviations: (curves, lengths), of the log ratio.

        Returns:
            (curves,), as `last_crossing` does.
        """
        places = self._places(0)
        weights = self._weights(places)
        drawn = np.where(np.isfinite(self.log_ratios), deviations, 0.0) @ weights.T
        return last_crossing(places, drawn + self._straight(places, weights))

    def crossing(self) -> float | None:
        """Return the zero of the log-linear curve; None where there is none."""
        places = self._places(0)
        return self._zero(places, self._straight(places, self._weights(places)))

    def bent_crossing(self) -> float | None:
        """Return the zero when each side bends between lengths as a + b n + c n^2 does."""
        places = self._places(POINTS_BETWEEN)
        return self._zero(places, self._bent(places))

    def bends(self) -> bool:
        """Tell whether bent curves foresee a length that is left out better than straight ones."""
        finite = np.flatnonzero(np.isfinite(self.log_ratios))
        errors = np.zeros(2)
        for place in finite[1:-1]:
            rest = self.only(np.isin(np.arange(len(self.lengths)), finite[finite != place]))
            at = self.lengths[[place]]
            foreseen = (rest._bent(at)[0], rest._straight(at, rest._weights(at))[0])
            errors += np.abs(np.array(foreseen) - self.log_ratios[place])
        return bool(errors[0] <= errors[1])

    def outermost_crossings(self) -> tuple[float, float]:
        """Return the earliest and the latest zero that costs through these points can have.

        The logarithm of a cost bends upwards over the logarithm of the length, as that of every
        sum of powers with positive parts does, and of the largest of several such: `cost_bounds`.
        Both are the ends of the measured range where a bound has no zero.
        """
        places = self._places(POINTS_BETWEEN)
        steepest = STEEPEST_IN_PIXELS if self.in_pixels else STEEPEST
        finite = np.isfinite(self.log_ratios)
        low = high = self._infinities(places)
        for measured, costs, at, sign in (
            (self._padded(self.lengths), self.efficient, self._padded(places), 1),
            (self.lengths, self.vanilla, places, -1),
        ):
            known, group = np.unique(measured[finite], return_inverse=True)
            averages = np.bincount(group, costs[finite]) / np.bincount(group)
            least, most = cost_bounds(np.log(at), np.log(known), averages, steepest)
            low, high = (low + least, high + most) if sign > 0 else (low - most, high - least)
        first = float(self.lengths[0])
        return self._zero(places, low) or first, self._zero(places, high) or first

    def _bent(self, places: Array) -> Array:
        """Return the log ratio at places where both sides fit, bent between the lengths.

        What the fitted curves leave at the measured lengths is interpolated, so that the result
        goes through the same points.
        """
        weights, straight = self._weights(places), self._interpolate(places, self.lengths)
        finite = np.isfinite(self.log_ratios)
        sides = (
            (self._padded(places), self._padded(self.lengths), self.efficient, weights, 1.0),
            (places, self.lengths, self.vanilla, straight, -1.0),
        )
        curve = self._infinities(places)
        for between, measured, costs, interpolated, sign in sides:
            fit = fit_costs(self._tokens(measured)[finite], costs[finite])
            residual = np.where(finite, costs - fit(self._tokens(measured)), 0.0)
            curve += sign * (fit(self._tokens(between)) + interpolated @ residual)
        return curve

    def only(self, used: NDArray[np.bool_]) -> "CostCurves":
        """Return the curves through some of the lengths."""
        cut = {
            name: getattr(self, name)[used]
            for name in ("lengths", "log_ratios", "vanilla", "efficient")
        }
        return replace(self, **cut)

    def jump_before(self, crossing: float) -> float | None:
        """Return the length before a crossing at which one side begins or ceases to fit.

        None where both sides fit on both sides of the crossing.
        """
        after = int(np.searchsorted(self.lengths, crossing))
        pair = self.log_ratios[max(after - 1, 0) : after + 1]
        on_length = after < len(self.lengths) and self.lengths[after] == crossing
        return float(self.lengths[after - 1]) if on_length and np.isinf(pair).any() else None

    def _zero(self, places: Array, curve: Array) -> float | None:
        return float(last_crossing(places, curve[None])[0]) if (curve >= 0).any() else None

    def _places(self, points_between: int) -> Array:
        """Return the measured lengths, and between two finite ones where the curve can bend."""
        finite = np.isfinite(self.log_ratios)
        extra = [self.lengths]
        if self.padding:
            steps = np.arange(1, min(self.lengths[-1] // self.padding, MAX_STEPS) + 1)
            extra += [steps * self.padding, steps * self.padding + 1]
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

    def _padded(self, lengths: Array) -> Array:
        return np.ceil(lengths / self.padding) * self.padding if self.padding else lengths

    def _tokens(self, lengths: Array) -> Array:
        return (lengths / PATCH_SIDE) ** 2 if self.in_pixels else lengths

    def _weights(self, places: Array) -> Array:
        """Return what the log costs of the padded side count for, (places, lengths)."""
        return self._interpolate(self._padded(places), self._padded(self.lengths))

    def _interpolate(self, places: Array, measured: Array) -> Array:
        """Return weights of linear interpolation in log length; lengths padded alike are one."""
        finite = np.isfinite(self.log_ratios)
        if not finite.any():
            return np.zeros((len(places), len(measured)))
        known, group = np.unique(measured[finite], return_inverse=True)
        shares = np.zeros((len(known), len(measured)))
        shares[group, np.flatnonzero(finite)] = 1.0
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1.0)
        hats = [np.interp(np.log(places), np.log(known), unit) for unit in np.eye(len(known))]
        return np.asarray(np.stack(hats, axis=1) @ shares)

    def _straight(self, places: Array, weights: Array) -> Array:
        finite = np.isfinite(self.log_ratios)
        efficient, vanilla = (np.where(finite, s, 0.0) for s in (self.efficient, self.vanilla))
        between = weights @ efficient - self._interpolate(places, self.lengths) @ vanilla
        return np.asarray(between + self._infinities(places))

    def _infinities(self, places: Array) -> Array:
        infinite = dict(zip(self.lengths, self.log_ratios, strict=True))
        values = np.array([infinite.get(place, 0.0) for place in places])
        return np.where(np.isinf(values), values, 0.0)
