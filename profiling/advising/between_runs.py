"""Which of several runs has surely the least cost, of a sample or for memory of a step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from profiling.advising.candidates import Candidate
from profiling.advising.savings import error_of
from profiling.analysis.points.groups import Setting
from profiling.analysis.statistics.unpaired import unpaired_intervals
from profiling.rows.columns import shared_conditions

# What a machine is, and how far a sweep went on it: a step is the same.
MAY_DIFFER = (
    *("device", "device_name", "threads", "allocator"),
    *("memory_budget_gib", "max_batch_size"),
)


@dataclass(frozen=True)
class Advised:
    """The advice of one run.

    Args:
        answer: What `advise --json` prints of it.
        setting: The conditions under which it was measured.
        chosen: What it recommends; None where nothing can run the data.
    """

    answer: dict[str, Any]
    setting: Setting
    chosen: Candidate | None


def compare_advice(found: Mapping[str, Advised]) -> dict[str, Any]:
    """Return whether runs agree, and which of them has the least cost.

    Args:
        found: The advice of each run, by the run's name.

    Returns:
        `same_recommendation`; `cheapest_run`, the run whose cost is surely less than that of
        every other one, None where nobody can tell; `maybe_cheapest`, all runs that may be that
        one, cheapest first; and `differing_conditions`, for each run what keeps it from being
        ranked, empty where the runs are.
    """
    named = [each.answer["recommended"] for each in found.values()]
    told = [(name, each.chosen) for name, each in found.items() if each.chosen]
    differing = _differing_conditions({name: found[name].setting for name, _ in told})
    # With masks of padding only where each of them knows what they add: one footing for all.
    lacking = any(chosen.lacks_masks for _, chosen in told)
    told.sort(key=lambda each: (each[1].unmasked if lacking else each[1].cost).mean)
    left = [name for name, each in told if not costs_more(each, told[0][1])]
    if differing:
        left = []
    return {
        "same_recommendation": all(each == named[0] for each in named),
        "cheapest_run": left[0] if len(left) == 1 else None,
        "maybe_cheapest": left,
        "differing_conditions": differing,
    }


def _differing_conditions(settings: Mapping[str, Setting]) -> dict[str, str]:
    """Return by run in which conditions runs differ whose costs are not those of the same work.

    A condition that only one machine has, such as `tf32` on a GPU beside a CPU, tells nothing
    apart. Two GPUs with and without TF32 compute other products, though `compare` joins them.
    """
    names = [each.name for each in shared_conditions() if each.name not in ("phase", *MAY_DIFFER)]
    differing = [name for name in names if _are_several(each[name] for each in settings.values())]
    only = {name: setting.only(differing) for name, setting in settings.items()}
    told = {name: setting.describe(only.values()) for name, setting in only.items()}
    return {name: words for name, words in told.items() if words}


def _are_several(values: Iterable[str]) -> bool:
    return len({value for value in values if value}) > 1


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
