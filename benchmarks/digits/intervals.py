"""Intervals of a ratio of errors that hold with few seeds or few speakers, too.

A bootstrap draws from what there is. Two seeds show little of how far seeds lie apart, so its
intervals are too narrow: simulated, where seeds differ by 10 %, intervals of 95 % hold the truth in
85, 90 and 89 % of experiments with 2, 3 and 4 seeds. A Student distribution knows how little a
variance from few is worth; with eight seeds it makes no difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

LEVEL = 0.95


@dataclass(frozen=True)
class StandardError:
    """How far a log ratio lies from the truth, and how well that is known.

    Args:
        value: Its standard deviation over repetitions of the experiment.
        freedom: The degrees of freedom of the variance.
    """

    value: float
    freedom: float = inf

    @property
    def half_width(self) -> float:
        """Half of the interval of the log ratio."""
        return self.value * self.quantile

    @property
    def quantile(self) -> float:
        """How many standard errors an interval reaches to each side."""
        return float(t.ppf((1 + LEVEL) / 2, self.freedom))


def error_over_seeds(errors: NDArray[np.int64], baseline: NDArray[np.int64]) -> StandardError:
    """Return the standard error over seeds and recordings.

    Args:
        errors: (seeds, recordings, ...) of one system, one error at least.
        baseline: The same of the other.

    Source: the analysis of variance of two crossed random effects; degrees of freedom after
        Satterthwaite 1946, "An approximate distribution of estimates of variance components".
    """
    pulls = _pulls(*(each.reshape(*each.shape[:2], -1).sum(2) for each in (errors, baseline)))
    num_seeds, num_recordings = pulls.shape
    of_recordings = num_seeds * float(pulls.mean(0).var(ddof=1))
    if num_seeds == 1:
        return StandardError(sqrt(of_recordings / pulls.size), num_recordings - 1)
    per_seed = pulls.mean(1)
    of_seeds = num_recordings * float(per_seed.var(ddof=1))
    rest = pulls - per_seed[:, None] - pulls.mean(0) + pulls.mean()
    freedoms = (num_seeds - 1, num_recordings - 1)
    of_rest = float((rest**2).sum()) / (freedoms[0] * freedoms[1])
    both = of_seeds + of_recordings - of_rest
    known = (of_seeds**2 / freedoms[0], of_recordings**2 / freedoms[1])
    freedom = both**2 / sum(known) if sum(known) else inf
    # One of them alone is never more than both; an estimate of both may be.
    square = max(both, of_seeds, of_recordings)
    return StandardError(sqrt(square / pulls.size), max(1.0, freedom))


def error_over_speakers(
    errors: Sequence[NDArray[np.int64]], baseline: Sequence[NDArray[np.int64]]
) -> StandardError:
    """Return the standard error over speakers, two at least, of whom each has errors of its own."""
    pulls = _pulls(*(np.array([each.sum() for each in system]) for system in (errors, baseline)))
    return StandardError(sqrt(float(pulls.var(ddof=1)) / len(pulls)), len(pulls) - 1)


def interval_of(
    ratio: float, resampled: NDArray[np.float64], error: StandardError
) -> tuple[float, float]:
    """Return the interval of a bootstrap, widened where its seeds or speakers are few.

    Args:
        ratio: Of all errors.
        resampled: (resamples,) ratios.
        error: Of the log ratio.
    """
    low, high = (float(end) for end in np.quantile(resampled, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2]))
    drawn = float(np.log(resampled).std()) if resampled.min() > 0 else 0.0
    if not drawn:  # all resamples are alike, or some are without an error
        return low, high
    factor = max(1.0, error.half_width / (StandardError(drawn).half_width))
    return ratio * (low / ratio) ** factor, ratio * (high / ratio) ** factor


def _pulls(errors: NDArray[np.int64], baseline: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how far every entry pulls the log ratio from its mean; the mean of all is 0."""
    pulls: NDArray[np.float64] = (errors * (baseline.sum() / errors.sum()) - baseline) / (
        baseline.mean()
    )
    return pulls
