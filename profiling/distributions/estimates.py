"""Shares of a data set with the error that chance leaves in them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from datamodules.sampling import NORMAL_95


@dataclass(frozen=True)
class Estimate:
    """A share, and its 95 % interval.

    Args:
        value: The share, between 0 and 1.
        low: Where the interval begins; equals `value` where nothing is left to chance.
        high: Where it ends.
    """

    value: float
    low: float
    high: float

    @property
    def is_exact(self) -> bool:
        """Whether nothing is left to chance."""
        return self.low == self.high

    def to_dict(self, name: str) -> dict[str, float]:
        """Return the share under a name, and its interval where there is one."""
        if self.is_exact:
            return {name: self.value}
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def share_of_samples(hits: int, count: int, unseen: float) -> Estimate:
    """Estimate a share of samples by Wilson's interval, which holds where there are no hits too.

    Args:
        hits: Samples of which it is true.
        count: Samples that were looked at.
        unseen: Share of the source that was not looked at; its whole has no error.
    """
    share = hits / count
    if not unseen:
        return Estimate(share, share, share)
    # Drawn without replacement, so many samples tell as much as more that are drawn with it.
    effective = count / unseen
    square = NORMAL_95**2 / effective
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(square * share * (1 - share) + square**2 / 4) / (1 + square)
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def share_of_positions(
    parts: Sequence[float], wholes: Sequence[float], counts: Sequence[int], unseen: float
) -> Estimate:
    """Estimate `sum(parts) / sum(wholes)` over units drawn by chance, as a ratio of means.

    The standard error is that of the residuals `part - ratio * whole` over the mean of `wholes`
    (Cochran, Sampling Techniques, 1977, section 6.4), the interval Student's, in log-odds. One
    unit tells nothing of the others, so its interval is everything.

    Args:
        parts: What each unit has of it: positions that are cut off, or hold nothing.
        wholes: Positions of each unit.
        counts: How many units are like each.
        unseen: Share of all units that was not looked at.
    """
    whole = sum(n * each for n, each in zip(counts, wholes, strict=True))
    ratio = sum(n * each for n, each in zip(counts, parts, strict=True)) / whole
    units = sum(counts)
    if not unseen:
        return Estimate(ratio, ratio, ratio)
    if units < 2:
        return Estimate(ratio, 0.0, 1.0)
    # Imported here: a mistake in the settings does not wait for what computes.
    from scipy.special import expit, stdtrit

    squares = sum(
        n * (part - ratio * of) ** 2 for n, part, of in zip(counts, parts, wholes, strict=True)
    )
    error = math.sqrt(squares / (units - 1) / units * unseen) / (whole / units)
    half = float(stdtrit(units - 1, 0.975)) * error
    if not 0 < ratio < 1:
        return Estimate(ratio, max(0.0, ratio - half), min(1.0, ratio + half))
    # On the scale of log-odds: a few long samples make the share's own scale lopsided.
    odds, half = math.log(ratio / (1 - ratio)), half / (ratio * (1 - ratio))
    return Estimate(ratio, float(expit(odds - half)), float(expit(odds + half)))
