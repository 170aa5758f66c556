"""How far what was foreseen lies from what was measured, and what following the advice costs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import Any

Result = Mapping[str, Any]
"""One contender under one policy, for one data set, phase and objective.

`predicted` and `measured` are the cost of a sample over the steps that were run, in milliseconds,
or MiB of the largest step; `predicted_whole` is that of a sample over the whole epoch.
`predicted_now` is what the same model foresees, fitted to the sweep's steps as they were measured
again beside the epochs.
"""

MARKED_FROM = 0.05  # share of the cost from which a prediction counts as extrapolated
QUESTION = ("data", "phase", "objective", "batch_size")


def raw_error(result: Result) -> float:
    """Return how far the prediction is off, as a share of what was measured."""
    return float(result["predicted"] / result["measured"] - 1)


def corrected_error(result: Result) -> float:
    """Return it for the machine as it was when the epoch ran."""
    return float(result["predicted_now"] / result["measured"] - 1)


def measured_whole(result: Result) -> float:
    """Return what a sample of the whole epoch costs, by the ratio estimate of sampling.

    The steps that were run are a sample. What the whole epoch is foreseen to cost, times measured
    over foreseen in the sample (Cochran, Sampling Techniques, 1977, chapter 6), is nearer than
    their mean: it does not hang on which lengths were drawn.
    """
    return float(result["predicted_whole"] * result["measured"] / result["predicted"])


def beside(result: Result) -> list[str]:
    """Return over what the prediction is extrapolated: length, batch, both or nothing."""
    shares = {"length": "extrapolated_share", "batch": "beside_batches_share"}
    return [word for word, name in shares.items() if result[name] > MARKED_FROM]


def median_error(results: Iterable[Result], error: Callable[[Result], float]) -> float | None:
    """Return the median size of an error; None of nothing."""
    sizes = [abs(error(each)) for each in results]
    return median(sizes) if sizes else None


def by_question(results: Sequence[Result]) -> list[list[Result]]:
    """Return the results that answer one question together: data, phase, objective, batch size."""

    def question(result: Result) -> tuple[str, ...]:
        return tuple(str(result[name]) for name in QUESTION)

    return [list(group) for _, group in groupby(sorted(results, key=question), key=question)]


def best(results: Sequence[Result]) -> Result:
    """Return what was really the cheapest."""
    return min(results, key=measured_whole)


def regret(results: Sequence[Result]) -> float | None:
    """Return what the recommended one costs more than the cheapest one, as a share.

    Args:
        results: Of one question.

    Returns:
        None where nothing was recommended, or it could not be run.
    """
    taken = [each for each in results if each["recommended"]]
    if not taken:
        return None
    return measured_whole(taken[0]) / measured_whole(best(results)) - 1
