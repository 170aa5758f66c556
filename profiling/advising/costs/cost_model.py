"""What a step costs over length and batch size: a sum of powers with no negative part."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from profiling.advising.costs.bends import Bends, factors_at
from profiling.advising.costs.tokens import Tokens
from profiling.analysis.statistics.cost_curve import STEEPEST
from profiling.analysis.statistics.intervals import Array


@dataclass(frozen=True)
class CostModel:
    """The fitted cost of one contender: `c0 + c1 b + c2 b n + c3 b n^2`.

    `b` is the batch size, `n` the tokens after the variant's own padding.

    Args:
        visits: Which visits were fitted, each for itself.
        coefficients: (visits, 4), none negative.
        pooled: (4,), of all visits together.
        tokens: How lengths become tokens.
        shortest: Shortest length that lies between the ends of every fitted visit.
        longest: Longest such length.
        batch_ranges: (lengths, 3): each measured length, ascending, with the smallest and the
            largest batch size that was measured there.
        holdout_error: Median over the inner lengths, those that are padded to one together, of how
            far, as a relative error, a fit to the others is off.
        bends: By which factors the cost leaves the sum of powers in each visit; empty where it may
            not.
    """

    visits: tuple[int, ...]
    coefficients: Array
    pooled: Array
    tokens: Tokens
    shortest: int
    longest: int
    batch_ranges: tuple[tuple[int, int, int], ...]
    holdout_error: float
    bends: tuple[Bends, ...] = ()

    def predict(self, lengths: Sequence[float], batch_sizes: Sequence[int]) -> Array:
        """Return what steps cost in each visit, (visits, steps)."""
        tokens = self.tokens.of(lengths)
        sums = self.coefficients @ terms_of(tokens, np.asarray(batch_sizes)).T
        if not self.bends:
            return np.asarray(sums)
        return sums * np.stack([factors_at(bends, self.tokens, tokens) for bends in self.bends])

    def is_extrapolated(self, lengths: Sequence[float]) -> Array:
        """Tell for each length whether it lies beside the measured ones."""
        tokens = self.tokens.of(lengths)
        low, high = self.tokens.of([self.shortest, self.longest])
        return np.asarray((tokens < low) | (tokens > high), dtype=np.float64)

    @property
    def largest_batch(self) -> int:
        """The largest batch size that was measured at any length."""
        return max(largest for _, _, largest in self.batch_ranges)

    def is_beside_batches(self, lengths: Sequence[float], batch_sizes: Sequence[int]) -> Array:
        """Tell for each step whether its batch size lies beside those measured near its length.

        Both measured lengths next to it must reach that far, or the one at the end.
        """
        low, high = self._batches_near(lengths)
        sizes = np.asarray(batch_sizes, dtype=np.float64)
        return np.asarray((sizes < low) | (sizes > high), dtype=np.float64)

    def _batches_near(self, lengths: Sequence[float]) -> tuple[Array, Array]:
        """Return the smallest and the largest batch size that both measured lengths beside have."""
        measured, smallest, largest = np.array(self.batch_ranges, dtype=np.float64).T
        known, tokens = self.tokens.of(measured), self.tokens.of(lengths)
        last = len(known) - 1
        below = np.clip(np.searchsorted(known, tokens, side="right") - 1, 0, last)
        above = np.clip(np.searchsorted(known, tokens, side="left"), 0, last)
        low = np.maximum(smallest[below], smallest[above])
        return low, np.minimum(largest[below], largest[above])

    def error_beside_batches(self, lengths: Sequence[float], batch_sizes: Sequence[int]) -> Array:
        """Return how far the logarithm of each predicted cost may be off beside the batch sizes.

        Zero between those that were measured near the length. Above the largest one the cost grows
        at least as the fit does there, since a fixed cost and one per sample bend upwards on log
        axes, and at most in proportion; below the smallest one it lies between flat and as steep as
        there. One batch size alone tells no fixed cost: above it nothing may grow at all.
        """
        tokens, sizes = self.tokens.of(lengths), np.asarray(batch_sizes, dtype=np.float64)
        nearest = np.clip(sizes, *self._batches_near(lengths))
        away = np.log(sizes / nearest)
        there, asked = (terms_of(tokens, each) @ self.pooled for each in (nearest, sizes))
        predicted, growing = np.log(asked / there), away * (1 - self.pooled[0] / there)
        if len({size for _, *ends in self.batch_ranges for size in ends}) == 1:
            growing = np.minimum(growing, 0.0)
        off = np.maximum(predicted - growing, np.maximum(away, 0.0) - predicted)
        return np.asarray(np.where(away == 0, 0.0, off))

    def extrapolation_error(self, lengths: Sequence[float]) -> Array:
        """Return how far the logarithm of each predicted cost may be off beside the lengths.

        Zero between the measured lengths. Beyond the longest one the cost grows at least as the
        fit does there, since sums of powers bend upwards on log axes, and at most with the square
        of the tokens; before the shortest one it lies between flat and as steep as there.
        """
        tokens = self.tokens.of(lengths)
        ends = self.tokens.of([self.shortest, self.longest])
        nearest = np.clip(tokens, *ends)
        away = np.log(tokens / nearest)
        there = np.log(self._pooled_cost(nearest))
        predicted = np.log(self._pooled_cost(tokens)) - there
        steepness = self._steepness(nearest)
        outer = np.where(away > 0, STEEPEST * away, 0.0)
        off = np.maximum(np.abs(predicted - steepness * away), np.abs(outer - predicted))
        return np.asarray(np.where(away == 0, 0.0, off))

    def _pooled_cost(self, tokens: Array) -> Array:
        return np.asarray(terms_of(tokens, np.ones_like(tokens)) @ self.pooled)

    def _steepness(self, tokens: Array) -> Array:
        step = 1e-4
        up, down = (self._pooled_cost(tokens * np.exp(sign * step)) for sign in (1, -1))
        return np.asarray(np.log(up / down) / (2 * step))


def terms_of(tokens: Array, batch_sizes: Array) -> Array:
    """Return the parts of the cost, (steps, 4)."""
    ones = np.ones_like(tokens)
    return np.stack([ones, batch_sizes * ones, batch_sizes * tokens, batch_sizes * tokens**2], 1)
