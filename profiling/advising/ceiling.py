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
        that says why, where there is an efficient one of which it could be told.
    """
    if chosen is None:
        return None, []
    if wanted.objective != "latency":
        return _untold("it is known of the latency alone")
    name = chosen.candidate.measured.contender.variant
    own = vanilla_name(chosen.candidate, modality)
    variant = VARIANTS[modality].get(name)
    if variant is None or not variant.attention_only:
        return _untold(f"{name} and {own} do not differ in attention alone")
    if chosen.vanilla is None:
        return _untold("no vanilla one is known to run these data")
    vanilla = chosen.vanilla.measured
    if vanilla.contender.variant != own:
        return _untold(f"{name} is compared with {vanilla.contender.variant} and not with {own}")
    return _of_vanilla(vanilla, distribution)


def _of_vanilla(
    measured: Measured, distribution: LengthDistribution
) -> tuple[float | None, list[str]]:
    known = {length: attention_share(rows) for length, rows in sorted(measured.points.items())}
    shares = {length: share for length, share in known.items() if share is not None}
    if not shares or measured.model is None:
        label = measured.contender.label
        return _untold(f"nobody broke down what steps of {label} take (`breakdown` true)")
    cost = measured.model.predict(distribution.values, [1] * len(distribution.values)).mean(axis=0)
    weights = cost * np.asarray(distribution.counts)
    longest = max(shares)
    beyond = np.asarray(distribution.values) > longest
    if weights[beyond].sum() > MOST_BEYOND * weights.sum():
        return _untold(f"steps were broken down up to {longest:,} {distribution.unit} only")
    return _mean_share(shares, distribution, weights), []


def _untold(why: str) -> tuple[None, list[str]]:
    return None, [f"what attention could save at most is not told: {why}"]


def _mean_share(
    shares: Mapping[int, float], distribution: LengthDistribution, weights: np.ndarray
) -> float:
    """Return the mean share over the samples, interpolated in log length."""
    values = np.log(np.asarray(distribution.values, dtype=np.float64))
    at = np.interp(values, np.log([*shares]), [*shares.values()])
    return float(np.average(at, weights=weights))
