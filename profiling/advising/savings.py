"""What one candidate saves over another, with its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from profiling.advising.candidates import Candidate
from profiling.analysis.points.readings import MIN_VISITS
from profiling.analysis.statistics.intervals import (
    Array,
    bounded,
    draw_deviations,
    interval_ends,
)


@dataclass(frozen=True)
class Saving:
    """Share of the cost that is saved; below zero where it costs more.

    Args:
        saving: 1 less the ratio of the costs.
        ci_low: Lower end of the 95 % interval; None where one visit knows no noise.
        ci_high: Upper end.
        disturbed: Whether other processes took part in the times of either.
    """

    saving: float
    ci_low: float | None = None
    ci_high: float | None = None
    disturbed: bool = False

    @property
    def outcome(self) -> str:
        """Win, tie or lose, as everywhere: by the whole interval."""
        if self.ci_low is None or self.ci_high is None or self.disturbed:
            return "tie"
        if self.ci_low > 0:
            return "win"
        return "lose" if self.ci_high < 0 else "tie"

    def to_dict(self) -> dict[str, Any]:
        """Return its fields."""
        return {"saving": self.saving, "ci_low": self.ci_low, "ci_high": self.ci_high}


def find_savings(pairs: Sequence[tuple[Candidate, Candidate]]) -> list[Saving]:
    """Return what the first of each pair saves over the second.

    Visits are paired, and pairs lend each other noise, as lengths of a curve do. The interval
    also holds what the fits of both are off, and what lies beside the measured lengths. Where one
    of a pair does not know what masks of padding add, they are counted for neither.

    Args:
        pairs: Of different contenders, each pair in the same visits.
    """
    if not pairs:
        return []
    log_ratios = _log_ratios(pairs)
    ends = interval_ends(draw_deviations(log_ratios))
    found = [_saving(*each) for each in zip(pairs, log_ratios, ends, strict=True)]
    disturbed = [any(each.measured.disturbed for each in pair) for pair in pairs]
    return [replace(one, disturbed=by) for one, by in zip(found, disturbed, strict=True)]


def _saving(pair: tuple[Candidate, Candidate], log_ratios: Array, ends: Array) -> Saving:
    known = log_ratios[np.isfinite(log_ratios)]
    if not len(known):
        one, other = pair
        ours, theirs = one.by_visit_beside(other), other.by_visit_beside(one)
        logs = [float(np.log([*costs.values()]).mean()) for costs in (ours, theirs)]
        return Saving(_share(logs[0] - logs[1]))
    centre, error = float(known.mean()), error_of(pair)
    # One visit decides nothing, whatever noise others lend it.
    if len(known) < MIN_VISITS or not np.isfinite(ends).all():
        return Saving(_share(centre))
    costs = pair[0].cost_beside(pair[1]), pair[1].cost_beside(pair[0])
    extrapolated = sum(each.extrapolation_error for each in costs)
    below, above = (float(np.hypot(end, error)) + extrapolated for end in ends)
    our_excess, their_excess = (each.overstated for each in costs)
    most, least = centre + above + their_excess, centre - below - our_excess
    return Saving(_share(centre), _share(most), _share(least))


def _share(log_ratio: float) -> float:
    """Return the share of the cost that is saved at a log ratio of the costs."""
    return float(-np.expm1(bounded(log_ratio)))


def _log_ratios(pairs: Sequence[tuple[Candidate, Candidate]]) -> Array:
    """Return the log ratio of each pair and visit, (pairs, visits); NaN where one lacks it."""
    costs = [(one.by_visit_beside(other), other.by_visit_beside(one)) for one, other in pairs]
    visits = sorted({visit for pair in costs for each in pair for visit in each})
    nothing = float("nan")
    return np.array(
        [
            [
                np.log(ours.get(visit, nothing)) - np.log(theirs.get(visit, nothing))
                for visit in visits
            ]
            for ours, theirs in costs
        ]
    )


def error_of(pair: tuple[Candidate, Candidate]) -> float:
    """Return what the fits of both may be off together."""
    return math.hypot(*(_holdout_error(each) for each in pair))


def _holdout_error(candidate: Candidate) -> float:
    model = candidate.measured.model
    return model.holdout_error * candidate.cost.error_scale if model else 0.0
