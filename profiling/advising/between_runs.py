"""Which of several runs has surely the least cost, of a sample or for memory of a step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from profiling.advising.candidates import Candidate
from profiling.advising.savings import error_of
from profiling.analysis.statistics.unpaired import unpaired_intervals


@dataclass(frozen=True)
class Advised:
    """The advice of one run.

    Args:
        answer: What `advise --json` prints of it.
        chosen: What it recommends; None where nothing can run the data.
    """

    answer: dict[str, Any]
    chosen: Candidate | None


def compare_advice(found: Mapping[str, Advised]) -> dict[str, Any]:
    """Return whether runs agree, and which of them has the least cost.

    Args:
        found: The advice of each run, by the run's name.

    Returns:
        `same_recommendation`; `cheapest_run`, the run whose cost is surely less than that of
        every other one, None where nobody can tell; and `maybe_cheapest`, all runs that may be
        that one, cheapest first.
    """
    named = [each.answer["recommended"] for each in found.values()]
    told = [(name, each.chosen) for name, each in found.items() if each.chosen]
    # With masks of padding only where each of them knows what they add: one footing for all.
    lacking = any(chosen.lacks_masks for _, chosen in told)
    told.sort(key=lambda each: (each[1].unmasked if lacking else each[1].cost).mean)
    left = [name for name, each in told if not costs_more(each, told[0][1])]
    return {
        "same_recommendation": all(each == named[0] for each in named),
        "cheapest_run": left[0] if len(left) == 1 else None,
        "maybe_cheapest": left,
    }


def costs_more(candidate: Candidate, other: Candidate) -> bool:
    """Tell whether a candidate of one run surely costs more than one of another run.

    The whole 95 % interval must say so. Visits of two runs have nothing in common, so they are not
    paired. The interval also holds what the fits of both are off, and what lies beside the
    measured lengths. One visit, or times that other processes disturbed, decide nothing.
    """
    if candidate is other or any(each.measured.disturbed for each in (candidate, other)):
        return False
    ours, theirs = candidate.cost_beside(other), other.cost_beside(candidate)
    logs = np.log(ours.per_sample), np.log(theirs.per_sample)
    (difference,), (half,) = unpaired_intervals([logs[0]], [logs[1]])
    beside = ours.extrapolation_error + theirs.extrapolation_error + ours.overstated
    return bool(difference - np.hypot(half, error_of((candidate, other))) - beside > 0)
