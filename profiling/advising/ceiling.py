"""The most that any attention could save on a data set."""

from collections.abc import Mapping

import numpy as np

from datamodules.lengths import LengthDistribution
from lightning_modules.variants import VARIANTS
from profiling.advising.choosing import Judged, vanilla_name
from profiling.advising.contenders import Measured, Wanted
from profiling.analysis.points.components import attention_share

MOST_BEYOND = 0.05  # of the cost: what a sample in the tail adds changes no ceiling


def find_ceiling(
    chosen: Judged | None, modality: str, distribution: LengthDistribution, wanted: Wanted
) -> tuple[float | None, list[str]]:
    """Return the share of the vanilla one's cost on these data that attention takes.

    Attention takes more of a longer input, so that lengths beyond those that were broken down tell
    of no ceiling.

    Args:
        chosen: The efficient one that it is told for; None where there is none.
        modality: Whose variant it is.
        distribution: Lengths of the data.
        wanted: Only latency has a ceiling.

    Returns:
        The share, None where it is not known of the vanilla kernel that was compared; and a note
        where just the lengths are too long.
    """
    if chosen is None or wanted.objective != "latency":
        return None, []
    variant = VARIANTS[modality].get(chosen.candidate.measured.contender.variant)
    vanilla = chosen.vanilla.measured if chosen.vanilla else None
    if variant is None or not variant.attention_only or vanilla is None:
        return None, []
    if vanilla.contender.variant != vanilla_name(chosen.candidate, modality):
        return None, []
    return _of_vanilla(vanilla, distribution)


def _of_vanilla(
    measured: Measured, distribution: LengthDistribution
) -> tuple[float | None, list[str]]:
    known = {length: attention_share(rows) for length, rows in sorted(measured.points.items())}
    shares = {length: share for length, share in known.items() if share is not None}
    if not shares or measured.model is None:
        return None, []
    cost = measured.model.predict(distribution.values, [1] * len(distribution.values)).mean(axis=0)
    weights = cost * np.asarray(distribution.counts)
    longest = max(shares)
    beyond = np.asarray(distribution.values) > longest
    if weights[beyond].sum() > MOST_BEYOND * weights.sum():
        return None, [
            f"what attention could save at most is not known: steps were broken down up to "
            f"{longest:,} {distribution.unit} only"
        ]
    return _mean_share(shares, distribution, weights), []


def _mean_share(
    shares: Mapping[int, float], distribution: LengthDistribution, weights: np.ndarray
) -> float:
    """Return the mean share over the samples, interpolated in log length."""
    values = np.log(np.asarray(distribution.values, dtype=np.float64))
    at = np.interp(values, np.log([*shares]), [*shares.values()])
    return float(np.average(at, weights=weights))
