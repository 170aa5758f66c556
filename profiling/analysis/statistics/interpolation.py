"""Curves through a few points: how they may run between them, and where they cross zero."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import nnls

from profiling.analysis.statistics.intervals import Array

# A line through two lengths that are nearer than a factor 1.1 is as steep as noise makes it.
APART = np.log(1.1)


def cost_bounds(
    places: Array, lengths: Array, costs: Array, steepest: float
) -> tuple[Array, Array]:
    """Return the least and the most that a curve can be that bends upwards through given points.

    Between two points it lies under the line through them, and over the lines that come from the
    nearest points beside them that are `APART`; where there is none, these are as flat and as steep
    as a cost can be. Where the points themselves do not bend upwards, because of noise, the line
    between them is all.

    Args:
        places: (places,), logarithms of lengths within the measured ones.
        lengths: (lengths,), logarithms, ascending.
        costs: (lengths,), logarithms.
        steepest: The largest power of the length that a cost can grow with.

    Returns:
        (places,) each, logarithms.
    """
    if len(lengths) < 2:
        return np.full_like(places, costs[0]), np.full_like(places, costs[0])
    slopes = np.diff(costs) / np.diff(lengths)
    before = _slopes_before(lengths, costs, np.minimum(slopes, 0.0))
    after = _slopes_before(-lengths[::-1], costs[::-1], -np.maximum(slopes, steepest)[::-1])
    after = -after[::-1]
    left = np.clip(np.searchsorted(lengths, places, side="right") - 1, 0, len(slopes) - 1)
    line = costs[left] + slopes[left] * (places - lengths[left])
    from_left = costs[left] + before[left] * (places - lengths[left])
    from_right = costs[left + 1] - after[left] * (lengths[left + 1] - places)
    return np.minimum(np.maximum(from_left, from_right), line), line


def _slopes_before(lengths: Array, costs: Array, otherwise: Array) -> Array:
    """Return how steep the lines are that come to each length but the last from one before it.

    Args:
        lengths: (lengths,), logarithms, ascending.
        costs: (lengths,), logarithms.
        otherwise: (lengths - 1,), the slopes where no length before is far enough.

    Returns:
        (lengths - 1,).
    """
    slopes = otherwise.copy()
    for place in range(len(slopes)):
        far = np.flatnonzero(lengths[place] - lengths[:place] >= APART)
        if len(far):
            start = far[-1]
            slopes[place] = (costs[place] - costs[start]) / (lengths[place] - lengths[start])
    return slopes


def fit_costs(tokens: Array, log_costs: Array) -> Callable[[Array], Array]:
    """Return the log cost of a + b n + c n^2, no part negative, nearest in relative errors."""
    scale = tokens.max()
    powers = np.stack([np.ones_like(tokens), tokens / scale, (tokens / scale) ** 2], axis=1)
    coefficients, _ = nnls(powers / np.exp(log_costs)[:, None], np.ones(len(tokens)))

    def log_cost(at: Array) -> Array:
        return np.asarray(np.log(np.polyval(coefficients[::-1], at / scale)))

    return log_cost


def last_crossing(lengths: Array, log_ratios: Array) -> Array:
    """Return from where on log ratios stay below zero, within the measured lengths.

    Args:
        lengths: (lengths,), ascending.
        log_ratios: (curves, lengths), infinite where one side is infeasible.

    Returns:
        (curves,), interpolated in log length; the next length where one neighbour is infinite.
    """
    lost = log_ratios >= 0
    last = len(lengths) - 1
    before = np.where(lost.any(axis=1), last - np.argmax(lost[:, ::-1], axis=1), -1)
    left, right = np.clip(before, 0, last), np.clip(before + 1, 0, last)
    curves = np.arange(len(log_ratios))
    with np.errstate(invalid="ignore", divide="ignore"):
        at_left, at_right = log_ratios[curves, left], log_ratios[curves, right]
        fraction = at_left / (at_left - at_right)
    finite = np.isfinite(at_left) & np.isfinite(at_right) & (left < right)
    logs = np.log(lengths)
    between = np.exp(logs[left] + np.where(finite, fraction, 0.0) * (logs[right] - logs[left]))
    return np.asarray(np.where(finite & (before >= 0), between, lengths[right]))
