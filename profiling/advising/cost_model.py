"""What a step costs over length and batch size: a sum of powers with no negative part.

Source of the fit: Lawson and Hanson, non-negative least squares, as `scipy.optimize.nnls` has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from datamodules.geometry import SIDE_MULTIPLE
from profiling.analysis.intervals import Array

MIN_LENGTHS = 3  # as many as the powers of the length have parts
PATCH = 16  # pixels of a side
STEEPEST = 2.0  # attention grows with the square of the tokens and nothing faster


class TooFewLengthsError(ValueError):
    """A fit through these lengths would be a guess; the text says how many there are."""


@dataclass(frozen=True)
class Observation:
    """One measured cost: milliseconds of a step, or MiB.

    Args:
        visit: In which visit.
        length: On the modality's axis.
        batch_size: Samples of the step.
        cost: More than zero.
    """

    visit: int
    length: int
    batch_size: int
    cost: float


@dataclass(frozen=True)
class Tokens:
    """From lengths on the modality's axis to the tokens that a variant computes on.

    Args:
        padding: It pads tokens to a multiple of this; None where it does not.
        shortest: Shorter inputs are padded to this length.
        in_pixels: Whether lengths are sides of images, so that tokens grow with their square;
            sides are rounded up as the models do it.
    """

    padding: int | None = None
    shortest: int = 1
    in_pixels: bool = False

    def of(self, lengths: Sequence[float] | Array) -> Array:
        """Return the tokens of each length."""
        taken = np.maximum(np.asarray(lengths, dtype=np.float64), self.shortest)
        sides = np.ceil(taken / SIDE_MULTIPLE) * SIDE_MULTIPLE
        tokens = (sides / PATCH) ** 2 if self.in_pixels else taken
        return np.ceil(tokens / self.padding) * self.padding if self.padding else tokens


@dataclass(frozen=True)
class CostModel:
    """The fitted cost of one contender: `c0 + c1 b + c2 b n + c3 b n^2`.

    `b` is the batch size, `n` the tokens after the variant's own padding.

    Args:
        visits: Which visits were fitted, each for itself.
        coefficients: (visits, 4), none negative.
        pooled: (4,), of all visits together.
        tokens: How lengths become tokens.
        shortest: Shortest measured length.
        longest: Longest measured length.
        batch_ranges: (lengths, 3): each measured length, ascending, with the smallest and the
            largest batch size that was measured there.
        holdout_error: Median over the inner lengths of how far, as a relative error, a fit to the
            others is off; with no inner length over all.
    """

    visits: tuple[int, ...]
    coefficients: Array
    pooled: Array
    tokens: Tokens
    shortest: int
    longest: int
    batch_ranges: tuple[tuple[int, int, int], ...]
    holdout_error: float

    def predict(self, lengths: Sequence[float], batch_sizes: Sequence[int]) -> Array:
        """Return what steps cost in each visit, (visits, steps)."""
        return self.coefficients @ terms_of(self.tokens.of(lengths), np.asarray(batch_sizes)).T

    def is_extrapolated(self, lengths: Sequence[float]) -> Array:
        """Tell for each length whether it lies beside the measured ones."""
        tokens = self.tokens.of(lengths)
        low, high = self.tokens.of([self.shortest, self.longest])
        return np.asarray((tokens < low) | (tokens > high), dtype=np.float64)

    def is_beside_batches(self, lengths: Sequence[float], batch_sizes: Sequence[int]) -> Array:
        """Tell for each step whether its batch size lies beside those measured near its length.

        Both measured lengths next to it must reach that far, or the one at the end.
        """
        measured, smallest, largest = np.array(self.batch_ranges, dtype=np.float64).T
        known, tokens = self.tokens.of(measured), self.tokens.of(lengths)
        last = len(known) - 1
        below = np.clip(np.searchsorted(known, tokens, side="right") - 1, 0, last)
        above = np.clip(np.searchsorted(known, tokens, side="left"), 0, last)
        sizes = np.asarray(batch_sizes, dtype=np.float64)
        low = np.maximum(smallest[below], smallest[above])
        high = np.minimum(largest[below], largest[above])
        return np.asarray((sizes < low) | (sizes > high), dtype=np.float64)

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


def fit_cost_model(observations: Sequence[Observation], tokens: Tokens) -> CostModel:
    """Fit every visit for itself, and all of them together.

    Args:
        observations: Of one contender and one unit.
        tokens: How its lengths become tokens.

    Raises:
        TooFewLengthsError: No visit has at least three lengths that differ after padding.
    """
    visits = sorted({each.visit for each in observations})
    split = {visit: [each for each in observations if each.visit == visit] for visit in visits}
    whole = {visit: part for visit, part in split.items() if _num_lengths(part, tokens) >= 3}
    if not whole:
        most = max((_num_lengths(part, tokens) for part in split.values()), default=0)
        raise TooFewLengthsError(f"a cost model needs {MIN_LENGTHS} lengths in a visit, got {most}")
    used = [each for part in whole.values() for each in part]
    lengths = sorted({each.length for each in used})
    return CostModel(
        visits=tuple(whole),
        coefficients=np.stack([_fit(part, tokens) for part in whole.values()]),
        pooled=_fit(used, tokens),
        tokens=tokens,
        shortest=lengths[0],
        longest=lengths[-1],
        batch_ranges=tuple((length, *_batch_range(used, length)) for length in lengths),
        holdout_error=_holdout_error(used, lengths, tokens),
    )


def _batch_range(observations: Sequence[Observation], length: int) -> tuple[int, int]:
    sizes = [each.batch_size for each in observations if each.length == length]
    return min(sizes), max(sizes)


def terms_of(tokens: Array, batch_sizes: Array) -> Array:
    """Return the parts of the cost, (steps, 4)."""
    ones = np.ones_like(tokens)
    return np.stack([ones, batch_sizes * ones, batch_sizes * tokens, batch_sizes * tokens**2], 1)


def _fit(observations: Sequence[Observation], tokens: Tokens) -> Array:
    """Return the coefficients with the least sum of squared relative errors."""
    batch_sizes = np.array([each.batch_size for each in observations], dtype=np.float64)
    costs = np.array([each.cost for each in observations])
    terms = terms_of(tokens.of([each.length for each in observations]), batch_sizes)
    relative = terms / costs[:, None]
    if len(set(batch_sizes)) == 1:
        relative[:, 0] = 0.0  # one batch size cannot tell the first two parts: all is per sample
    scale = np.maximum(np.abs(relative).max(axis=0), np.finfo(float).tiny)
    solution, _ = nnls(relative / scale, np.ones(len(costs)))
    return np.asarray(solution / scale)


def _holdout_error(
    observations: Sequence[Observation], lengths: Sequence[int], tokens: Tokens
) -> float:
    """Return the median error of foreseeing a length from the others."""
    inner = lengths[1:-1] or lengths
    errors = []
    for length in inner:
        others = [each for each in observations if each.length != length]
        out = [each for each in observations if each.length == length]
        found = _fit(others, tokens)
        batch_sizes = np.array([each.batch_size for each in out], dtype=np.float64)
        foreseen = terms_of(tokens.of([length] * len(out)), batch_sizes) @ found
        ratios = foreseen / np.array([each.cost for each in out])
        errors.append(float(np.abs(np.mean(ratios) - 1.0)))
    return float(np.median(errors))


def _num_lengths(observations: Sequence[Observation], tokens: Tokens) -> int:
    return len(set(tokens.of([each.length for each in observations])))
