"""Curves through a few points: how they may run between them, and where they cross zero."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import nnls

from profiling.analysis.statistics.intervals import Array


def cost_bounds(
    places: Array, lengths: Array, costs: Array, steepest: float
) -> tuple[Array, Array]:
    """Return the least and the most that a curve can be that bends upwards through given points.

    Between two points it lies under the line through them, and over the lines that continue those
    through their neighbours; at the ends these are as flat and as steep as a cost can be. Where
    the points themselves do not bend upwards, because of noise, the line between them is all.

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
    before = np.concatenate([np.minimum(slopes[:1], 0.0), slopes[:-1]])
    after = np.concatenate([slopes[1:], np.maximum(slopes[-1:], steepest)])
    left = np.clip(np.searchsorted(lengths, places, side="right") - 1, 0, len(slopes) - 1)
    line = costs[left] + slopes[left] * (places - lengths[left])
    from_left = costs[left] + before[left] * (places - lengths[left])
    from_right = costs[left + 1] - after[left] * (lengths[left + 1] - places)
    return np.minimum(np.maximum(from_left, from_right), line), line


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
