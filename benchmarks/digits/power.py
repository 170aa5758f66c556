"""What could be seen at all: how many seeds, words and compositions a small difference takes.

The log ratio of two error rates differs from one repetition of the whole experiment to the next
for three reasons: seeds, recordings, and the utterances that a recording is heard in. How much each
adds is estimated from errors that are there (analysis of variance, all effects random); from that
follows how far the ratio would scatter with more of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

WANTED = 0.8  # probability of an answer, where there is one to be had
MOST = 1024  # of anything: more is no plan


@dataclass(frozen=True)
class Experiment:
    """How much is heard: seeds, test recordings, and utterances that each recording is in."""

    seeds: int
    recordings: int
    compositions: int


@dataclass(frozen=True)
class Scatter:
    """Variances of the log ratio of two error rates, for one of each."""

    of_seeds: float
    of_recordings: float
    of_utterances: float
    of_rest: float

    def standard_error(self, experiment: Experiment) -> float:
        """Return the standard deviation of the log ratio over repetitions of the experiment."""
        utterances = experiment.recordings * experiment.compositions
        return sqrt(
            self.of_seeds / experiment.seeds
            + self.of_recordings / experiment.recordings
            + self.of_utterances / utterances
            + self.of_rest / (experiment.seeds * utterances)
        )

    def freedom(self, experiment: Experiment) -> float:
        """Return the degrees of freedom with which an experiment tells its own standard error.

        Source: Satterthwaite 1946, "An approximate distribution of estimates of variance
            components".
        """
        seeds, recordings = experiment.seeds, experiment.recordings
        rest = self.of_rest / (seeds * recordings * experiment.compositions)
        over_seeds = self.of_seeds / seeds + rest
        over_recordings = self.standard_error(experiment) ** 2 - self.of_seeds / seeds
        doubt = over_recordings**2 / max(1, recordings - 1) + over_seeds**2 / max(1, seeds - 1)
        return max(1.0, self.standard_error(experiment) ** 4 / doubt) if doubt else inf


def find_scatter(errors: NDArray[np.int64], baseline: NDArray[np.int64]) -> Scatter:
    """Estimate the scatter of the log ratio of two systems' errors.

    Args:
        errors: (seeds, recordings, compositions) of one system, two seeds at least.
        baseline: The same of the other.

    Source: the analysis of variance of a balanced design whose effects are random; the ratio is
        linearised (delta method).
    """
    ratio = errors.sum() / baseline.sum()
    # How far every entry pulls the log ratio from its mean; the mean of all is 0.
    pulls = (errors / ratio - baseline) / baseline.mean()
    seeds, recordings, compositions = pulls.shape
    per_seed, per_entry = pulls.mean((1, 2)), pulls.mean(0)
    per_recording = per_entry.mean(1)
    rest = pulls - per_seed[:, None, None] - per_entry + pulls.mean()
    of_rest = float((rest**2).sum()) / ((seeds - 1) * (recordings * compositions - 1))
    square_of_seeds = recordings * compositions * float(per_seed.var(ddof=1))
    square_of_recordings = seeds * compositions * float(per_recording.var(ddof=1))
    square_of_utterances = of_rest
    if compositions > 1:
        within = float(((per_entry - per_recording[:, None]) ** 2).sum())
        square_of_utterances = seeds * within / (recordings * (compositions - 1))
    return Scatter(
        of_seeds=max(0.0, square_of_seeds - of_rest) / (recordings * compositions),
        of_recordings=max(0.0, square_of_recordings - square_of_utterances)
        / (seeds * compositions),
        of_utterances=max(0.0, square_of_utterances - of_rest) / seeds,
        of_rest=of_rest,
    )


def power(standard_error: float, margin: float, freedom: float = inf) -> float:
    """Return how probably a system with the same error rate is shown to be within a margin.

    Args:
        standard_error: Of the log ratio.
        margin: What the 95 % interval of the ratio must end below, less 1.
        freedom: The degrees of freedom with which the standard error is known.
    """
    if standard_error == 0:
        return 1.0
    return float(t.cdf(log(1 + margin) / standard_error - t.ppf(0.975, freedom), freedom))


def needed(scatter: Scatter, experiment: Experiment, name: str, margin: float) -> int | None:
    """Return how many of something the wanted probability takes, all else as it is.

    Args:
        scatter: Of the log ratio.
        experiment: What there is of the others.
        name: A field of `Experiment`.
        margin: As in `power`.

    Returns:
        The smallest number; None if no number is enough that could be had.
    """

    def suffices(count: int) -> bool:
        larger = replace(experiment, **{name: count})
        return power(scatter.standard_error(larger), margin, scatter.freedom(larger)) >= WANTED

    most = MOST * (getattr(experiment, name) if name == "recordings" else 1)
    return _smallest(suffices, most)


def _smallest(suffices: Callable[[int], bool], most: int) -> int | None:
    """Return the smallest number from 1 on that suffices, where all larger ones do too."""
    if not suffices(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high
