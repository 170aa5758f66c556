"""Win, tie or lose at each length, by the 95 % interval of the log ratio."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from profiling.analysis.answers.comparisons import Comparison
from profiling.analysis.answers.duels import Duel
from profiling.analysis.points.readings import MIN_VISITS
from profiling.analysis.points.sides import MEMORY_RESOLUTION_MIB
from profiling.analysis.statistics.intervals import (
    NUM_RESAMPLES,
    Array,
    block_log_ratios,
    bounded,
    chance_of,
    draw_deviations,
    interval_ends,
)

ONE_VISIT = "one visit decides nothing: give more `visits`, or more `time_budget_s`"
DISTURBED = "other processes took CPU time in all visits but one or none: measure again"


@dataclass(frozen=True)
class Judged:
    """A comparison in one metric, length by length.

    Args:
        outcomes: The entries of `lengths` in a tipping point row, of what was compared.
        deviations: (resamples, outcomes), what the log ratios may be off by, through noise and
            resolution; zero where unknown.
        interval_from: visits, blocks (of one visit), resolution (of memory, with one visit), or
            null when noise is unknown.
        chance: How often chance alone would put the longest length at least this far from a tie.
    """

    outcomes: list[dict[str, Any]]
    deviations: Array
    interval_from: str | None
    chance: float


def judge(
    comparison: Comparison, duels: Sequence[Duel], metric: str, borrows: bool = True
) -> Judged:
    """Return the outcome of every duel, by the noise of them all or, without `borrows`, its own."""
    noise, interval_from = _noise(duels)
    if interval_from is None and metric == "memory":
        interval_from = "resolution"
    deviations = draw_deviations(noise, borrows=borrows)
    outcomes = [
        _outcome(comparison, duel, ends, metric)
        for duel, ends in zip(duels, interval_ends(deviations), strict=True)
    ]
    chance = 1.0 if outcomes[-1]["outcome"] == "tie" else 0.0
    if not chance and np.isfinite(duels[-1].log_ratio):
        chance = chance_of(noise, len(duels) - 1)
    told = np.nan_to_num(deviations) + _unresolved(duels, metric)
    return Judged(outcomes, told, interval_from, chance)


def _unresolved(duels: Sequence[Duel], metric: str) -> Array:
    """Return what log ratios may be off by as far as nobody can measure, (resamples, lengths).

    Half of the curves lie too high at all lengths and half too low, which moves a crossing most.
    """
    finite = [np.isfinite(duel.log_ratio) for duel in duels]
    off = [
        _resolution(duel, metric) if known else 0.0
        for duel, known in zip(duels, finite, strict=True)
    ]
    signs = np.resize([1.0, -1.0], NUM_RESAMPLES)
    return np.asarray(signs[:, None] * np.array(off))


def _noise(duels: Sequence[Duel]) -> tuple[Array, str | None]:
    """Return log ratios of repeated measurements, (lengths, visits or blocks), and which."""
    by_visit = [duel.repeated for duel in duels]
    if any(len(ratios) > 1 for ratios in by_visit):
        visits = sorted(set().union(*by_visit))
        table = [[ratios.get(visit, np.nan) for visit in visits] for ratios in by_visit]
        return np.array(table), "visits"
    blocks = [
        block_log_ratios(duel.efficient.samples.get(visit, ()), duel.vanilla.samples.get(visit, ()))
        for duel, ratios in zip(duels, by_visit, strict=True)
        for visit in [next(iter(ratios), -1)]
    ]
    num_blocks = max(map(len, blocks))
    padded = np.array([row + [np.nan] * (max(num_blocks, 1) - len(row)) for row in blocks])
    return padded, "blocks" if num_blocks else None


def _outcome(comparison: Comparison, duel: Duel, ends: Array, metric: str) -> dict[str, Any]:
    item: dict[str, Any] = {"length": duel.length}
    item |= dict.fromkeys(("outcome", "ratio", "ci_low", "ci_high"))
    one_visit = duel.num_visits < MIN_VISITS
    for side, model, outcome in (
        (duel.vanilla, comparison.vanilla, "win"),
        (duel.efficient, comparison.efficient, "lose"),
    ):
        if side.status == "oom":
            if one_visit:
                return item | {"outcome": "tie", "reason": ONE_VISIT}
            return item | {"outcome": outcome, "reason": f"{model.variant} runs out of memory"}
    item["ratio"] = float(np.exp(bounded(duel.log_ratio)))
    undecided = ONE_VISIT if one_visit else DISTURBED if duel.disturbed else ""
    why = {"outcome": "tie", "reason": undecided} if undecided else {}
    if not np.isfinite(ends).all():
        if metric != "memory":
            return item | {"outcome": "tie"} | why
        ends = np.zeros(2)
    resolution = _resolution(duel, metric)
    low = duel.log_ratio + min(float(ends[0]), -resolution)
    high = duel.log_ratio + max(float(ends[1]), resolution)
    item["outcome"] = "win" if high < 0 else "lose" if low > 0 else "tie"
    ci_low, ci_high = (float(np.exp(bounded(end))) for end in (low, high))
    return item | {"ci_low": ci_low, "ci_high": ci_high} | why


def _resolution(duel: Duel, metric: str) -> float:
    if metric != "memory":
        return 0.0
    costs = (np.exp(side.mean_log_cost) for side in (duel.vanilla, duel.efficient))
    return float(sum(np.log1p(MEMORY_RESOLUTION_MIB / cost) for cost in costs))
