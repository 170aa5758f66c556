"""What one side of a comparison costs between the lengths at which it was measured."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datamodules.geometry import PATCH_SIDE
from profiling.analysis.statistics.interpolation import cost_bounds, fit_costs
from profiling.analysis.statistics.intervals import Array

# A step of padding beyond this many steps is less than half a percent of the length.
MAX_STEPS = 200
# Attention grows with the square of the tokens and nothing faster; tokens with that of the side.
STEEPEST, STEEPEST_IN_PIXELS = 2.0, 4.0


@dataclass(frozen=True)
class CostCurve:
    """The log cost of one side, which is what was measured at every measured length.

    Args:
        lengths: (lengths,), ascending.
        log_costs: (lengths,), means.
        padding: Tokens to a multiple of which the side pads; None where it does not.
        in_pixels: Whether lengths are sides of images, so that tokens grow with their square.
    """

    lengths: Array
    log_costs: Array
    padding: int | None = None
    in_pixels: bool = False

    def only(self, used: NDArray[np.bool_]) -> "CostCurve":
        """Return the curve through some of the lengths."""
        return replace(self, lengths=self.lengths[used], log_costs=self.log_costs[used])

    def straight(self, places: Array) -> Array:
        """Return the curve that is a line between two lengths, in logarithms, (places,)."""
        return np.asarray(self.weights(places) @ self.log_costs)

    def bent(self, places: Array) -> Array:
        """Return the curve that bends between the lengths as a + b n + c n^2 does, (places,).

        What the fit leaves at the measured lengths is interpolated, so that the curve goes through
        the same points.
        """
        measured = self._tokens(self._padded(self.lengths))
        fit = fit_costs(measured, self.log_costs)
        residual = self.log_costs - fit(measured)
        return fit(self._tokens(self._padded(places))) + self.weights(places) @ residual

    def bounds(self, places: Array) -> tuple[Array, Array]:
        """Return the least and the most that the side can cost, (places,) each: `cost_bounds`.

        Lengths that are padded alike are one point of the bounds, with their mean cost. What each
        of them is off that mean is interpolated, so that both bounds go through all of them.
        """
        steepest = STEEPEST_IN_PIXELS if self.in_pixels else STEEPEST
        known, group = np.unique(self._padded(self.lengths), return_inverse=True)
        means = np.bincount(group, self.log_costs) / np.bincount(group)
        at = np.log(self._padded(places))
        least, most = cost_bounds(at, np.log(known), means, steepest)
        off = self.weights(places) @ (self.log_costs - means[group])
        return least + off, most + off

    def weights(self, places: Array) -> Array:
        """Return what each measured length counts for in linear interpolation, (places, lengths).

        It is linear in the logarithm of the padded length. Between two lengths that are padded
        alike it is linear in that of the length itself: such lengths cost the same, but each of
        them keeps what was measured there, because the other side was measured beside it.
        """
        weights = np.zeros((len(places), len(self.lengths)))
        if len(self.lengths) < 2:
            return weights + 1.0
        right = np.clip(np.searchsorted(self.lengths, places), 1, len(self.lengths) - 1)
        alike = self._padded(self.lengths)[right - 1] == self._padded(self.lengths)[right]
        at, low, high = (
            np.log(np.where(alike, lengths, self._padded(lengths)))
            for lengths in (places, self.lengths[right - 1], self.lengths[right])
        )
        share = np.clip((at - low) / (high - low), 0.0, 1.0)
        rows = np.arange(len(places))
        weights[rows, right - 1], weights[rows, right] = 1.0 - share, share
        return weights

    def steps(self, longest: float) -> Array:
        """Return the lengths around which the curve jumps: multiples of the padding and the next.

        Args:
            longest: Of the measured lengths; no step begins beyond it.
        """
        if not self.padding:
            return np.empty(0)
        ends = np.arange(1, min(longest // self.padding, MAX_STEPS) + 1) * self.padding
        return np.concatenate([ends, ends + 1])

    def _padded(self, lengths: Array) -> Array:
        return np.ceil(lengths / self.padding) * self.padding if self.padding else lengths

    def _tokens(self, lengths: Array) -> Array:
        return (lengths / PATCH_SIDE) ** 2 if self.in_pixels else lengths
