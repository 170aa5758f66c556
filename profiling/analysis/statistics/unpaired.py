"""95 % intervals of log ratios between two runs, whose visits have nothing in common."""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from profiling.analysis.statistics.intervals import TAIL, Array

FEWEST_VISITS = 2
# As within a run, a point borrows the noise of others for what two or three visits cannot know.
# In simulation (2 to 5 visits, noise equal or very unequal, normal or heavy-tailed) Welch's
# interval then covers 96 to 99 %.
LENT_DF = 2.0


def unpaired_intervals(ours: Sequence[Array], theirs: Sequence[Array]) -> tuple[Array, Array]:
    """Return the difference of the means of every point, and half of its 95 % interval.

    Welch's interval: each run has a noise of its own, and so has each point, which borrows up to
    `LENT_DF` degrees of freedom from the pooled noise of the other points of its run.

    Args:
        ours: Log costs of the visits, one array per point, of the run that is judged.
        theirs: The same points in the run that it is judged against.

    Returns:
        Two arrays of shape (points,): differences, NaN where a side has no visit; half widths, NaN
        where a side has fewer than two, for a single visit decides nothing.
    """
    our_mean, our_variance, our_df = _means(ours)
    their_mean, their_variance, their_df = _means(theirs)
    variance = our_variance + their_variance
    shares = our_variance**2 / our_df + their_variance**2 / their_df
    with np.errstate(invalid="ignore"):
        # Without any noise every number of degrees of freedom gives the same interval, of width 0.
        df = np.where(shares > 0, variance**2 / np.where(shares > 0, shares, 1.0), 1.0)
        half = stdtrit(df, TAIL) * np.sqrt(variance)
    return our_mean - their_mean, np.where(np.isfinite(variance), half, np.nan)


def _means(points: Sequence[Array]) -> tuple[Array, Array, Array]:
    """Return mean, its variance and degrees of freedom per point; NaN where they are unknown."""
    num_visits = np.array([len(values) for values in points], dtype=np.float64)
    known = num_visits >= FEWEST_VISITS
    mean = np.array([np.mean(values) if len(values) else np.nan for values in points])
    squares = np.array([len(values) * np.var(values) if len(values) else 0.0 for values in points])
    own_df = np.maximum(num_visits - 1, 0.0)
    other_df = own_df.sum() - own_df
    other_squares = np.maximum(squares.sum() - squares, 0.0)
    lent_df = np.minimum(LENT_DF, other_df)
    df = np.where(known, own_df + lent_df, np.nan)
    lent = lent_df * other_squares / np.where(other_df > 0, other_df, 1.0)
    return mean, (squares + lent) / df / np.where(known, num_visits, np.nan), df
