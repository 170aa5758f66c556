"""Point estimates and 95 % intervals of log ratios, from few visits."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, ndtri, stdtr, stdtrit

Array = NDArray[np.float64]

TAIL = 0.975
LARGEST_LOG = 700.0  # of what fits into a float
NUM_RESAMPLES = 2000
MIN_BLOCKS, MAX_BLOCKS = 4, 8
# Degrees of freedom lent by the other lengths of a curve; `benchmarks/answers/coverage.py` shows
# the price.
BORROWED_DF = 4.0
# The share of its degrees of freedom that a median of very many variances loses against a mean.
MEDIAN_LOSS = 0.4
# A length whose own variance is more than so many times the lent one borrows less: it is noisier
# than the others, and what they know is not about it.
ALIKE = 4.0


def bounded(log_ratio: float) -> float:
    """Return a log ratio whose ratio is a number, however little two damaged values share."""
    return min(log_ratio, LARGEST_LOG)


def median(samples: Sequence[float] | Array) -> float:
    """Return the middle of the samples."""
    return float(np.median(samples))


def quantiles(samples: Array, fractions: Sequence[float]) -> Array:
    """Return the quantiles along the first axis, one row per fraction."""
    return np.asarray(np.quantile(samples, fractions, axis=0), dtype=np.float64)


def paired_log_ratios(
    efficient: Mapping[int, float], vanilla: Mapping[int, float]
) -> dict[int, float]:
    """Return the log ratio of every visit that both have; pairing cancels drift between visits."""
    return {
        visit: _log_ratio(efficient[visit], vanilla[visit])
        for visit in sorted(efficient.keys() & vanilla.keys())
    }


def _log_ratio(ours: float, theirs: float) -> float:
    ratio = ours / theirs
    if 0 < ratio < math.inf:
        return math.log(ratio)
    return math.log(ours) - math.log(theirs)  # the ratio itself is no number


def block_log_ratios(efficient: Sequence[float], vanilla: Sequence[float]) -> list[float]:
    """Return log ratios of the medians of contiguous blocks, as many as 4 to 8; else none."""
    num_blocks = min(MAX_BLOCKS, len(efficient), len(vanilla))
    if num_blocks < MIN_BLOCKS:
        return []
    ours, theirs = (
        [median(block) for block in np.array_split(np.asarray(samples), num_blocks)]
        for samples in (efficient, vanilla)
    )
    return [float(value) for value in np.log(ours) - np.log(theirs)]


def share_interval(shares: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % t interval around the middle of shares; None for fewer than two.

    Args:
        shares: Of separate visits, between 0 and 1, as its ends are.
    """
    count = len(shares)
    if count < 2:
        return None
    half = float(stdtrit(count - 1, TAIL) * np.std(shares, ddof=1) / np.sqrt(count))
    return max(0.0, median(shares) - half), min(1.0, median(shares) + half)


def interval_ends(deviations: Array) -> Array:
    """Return the 95 % interval of each length around zero, (lengths, 2); NaN where unknown."""
    return quantiles(deviations, (1 - TAIL, TAIL)).T


def draw_deviations(log_ratios: Array, seed: int = 0, borrows: bool = True) -> Array:
    """Draw what the mean log ratios of a curve may be off by: a bootstrap over its visits.

    Three visits have ten different resamples, whose percentiles are far too certain. So visits
    are weighted with normal numbers instead of being drawn (the multiplier bootstrap), the same
    ones at all lengths, and scaled to the t distribution; on normal noise that is the t interval.
    Two or three visits alone hardly know their own noise, hence every length borrows up to
    `BORROWED_DF` degrees of freedom from the typical noise of the other lengths.

    Args:
        log_ratios: (lengths, visits), NaN for a visit that a length lacks.
        seed: Of the random weights.
        borrows: Whether lengths borrow. Who stops measuring once intervals are narrow must not:
            that picks the moment at which the noise looks smallest.

    Returns:
        (resamples, lengths), centred on zero; NaN for a length that knows nothing of its noise.
    """
    residuals, num_visits = _residuals(log_ratios)
    variance, borrowed_df = lent_noise(log_ratios) * float(borrows)
    df = np.maximum(num_visits - 1.0, 0.0) + borrowed_df
    generator = np.random.default_rng(seed)
    half = NUM_RESAMPLES // 2
    own = generator.standard_normal((half, log_ratios.shape[1])) @ residuals.T
    others = generator.standard_normal((half, len(log_ratios)))
    # Variance of the sum: (own_df * own variance + borrowed_df * lent variance) / df.
    drawn = (own + others * np.sqrt(borrowed_df * variance)) * np.sqrt(_divide(1.0, df))
    scale = stdtrit(np.maximum(df, 1.0), TAIL) / ndtri(TAIL) * np.sqrt(_divide(1.0, num_visits))
    scale = np.where((df > 0) & (num_visits > 0), scale, np.nan)
    return np.asarray(np.concatenate([drawn, -drawn]) * scale)


def chance_of(log_ratios: Array, place: int) -> float:
    """Return how often chance alone puts the mean at a length at least this far from zero.

    The two-sided p-value of the t test with the noise of `draw_deviations`; 1 where it is unknown.

    Args:
        log_ratios: (lengths, visits), NaN for a visit that a length lacks.
        place: Which length.
    """
    residuals, num_visits = _residuals(log_ratios)
    variance, borrowed_df = (values[place] for values in lent_noise(log_ratios))
    df = max(num_visits[place] - 1.0, 0.0) + borrowed_df
    if df <= 0:
        return 1.0
    mean = float(np.nanmean(log_ratios[place]))
    squares = (residuals[place] ** 2).sum() + borrowed_df * variance
    error = float(np.sqrt(squares / df / num_visits[place]))
    if error == 0:
        return 0.0 if mean else 1.0
    return float(2 * stdtr(df, -abs(mean) / error))


def lent_noise(log_ratios: Array) -> Array:
    """Return the variance that each length borrows and its degrees of freedom, (2, lengths).

    The variance is the median over the other lengths, over what such a median is when the
    variance is one: one length with a glitch does not spoil the curve. No more degrees
    of freedom are lent than the other lengths have, and fewer to a length much noisier than they.

    Args:
        log_ratios: (lengths, visits), NaN for a visit that a length lacks.
    """
    residuals, num_visits = _residuals(log_ratios)
    own_df = np.maximum(num_visits - 1.0, 0.0)
    squares = (residuals**2).sum(axis=1)
    variances = squares / np.where(own_df > 0, own_df, np.nan)
    # What the middle of very many variances is, when the true one is one.
    middles = chdtri(np.maximum(own_df, 1.0), 0.5) / np.maximum(own_df, 1.0)
    lent = np.zeros((2, len(log_ratios)))
    for place in range(len(log_ratios)):
        others = np.isfinite(variances) & (np.arange(len(variances)) != place)
        if others.any():
            nearness = _nearness_to_median(int(others.sum()))
            lent[0, place] = np.median(variances[others] / middles[others] ** nearness)
            known = own_df[others].sum() * (1 - MEDIAN_LOSS * nearness)
            lent[1, place] = min(BORROWED_DF, known)
    own = _divide(squares, own_df)
    noisier = own > ALIKE * lent[0]
    lent[1] = np.where(noisier, lent[1] * _divide(ALIKE * lent[0], own), lent[1])
    return lent


def _nearness_to_median(count: int) -> float:
    """Return the power of a variance's median that the median of so many has on average.

    One or two are their own mean (0), very many the median (1); exact for variances of two
    degrees of freedom.
    """
    odd = count if count % 2 else count - 1
    return (odd - 1) / (odd + 1)


def _residuals(log_ratios: Array) -> tuple[Array, Array]:
    """Return what visits are off their mean, zero where there is none, and how many there are."""
    present = np.isfinite(log_ratios)
    num_visits = present.sum(axis=1).astype(np.float64)
    filled = np.where(present, log_ratios, 0.0)
    means = _divide(filled.sum(axis=1), num_visits)
    return np.where(present, filled - means[:, None], 0.0), num_visits


def _divide(numerator: Array | float, denominator: Array) -> Array:
    return np.asarray(numerator / np.where(denominator > 0, denominator, 1.0))
