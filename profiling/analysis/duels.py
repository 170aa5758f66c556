"""Win, tie or lose at each length, by the 95 % interval of the log ratio."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from profiling.analysis.comparisons import Comparison
from profiling.analysis.intervals import (
    Array,
    block_log_ratios,
    draw_deviations,
    interval_ends,
    paired_log_ratios,
)
from profiling.analysis.sides import MEMORY_RESOLUTION_MIB, Side


@dataclass(frozen=True)
class Duel:
    """Both sides at one length where they can be told apart; at most one is out of memory."""

    length: int
    vanilla: Side
    efficient: Side

    @property
    def ratios(self) -> dict[int, float]:
        """Log cost ratio by visit, below zero where the efficient one is better."""
        return paired_log_ratios(self.efficient.costs, self.vanilla.costs)

    @property
    def log_ratio(self) -> float:
        """The mean over the visits, infinite where one side is infeasible."""
        if self.vanilla.status == "oom":
            return -np.inf
        return np.inf if self.efficient.status == "oom" else float(np.mean([*self.ratios.values()]))


@dataclass(frozen=True)
class Judged:
    """A comparison in one metric, length by length.

    Args:
        outcomes: The entries of `lengths` in a tipping point row.
        log_ratios: One per outcome, infinite where one side is infeasible.
        deviations: (resamples, outcomes), what the log ratios may be off by; zero where unknown.
        interval_from: visits, blocks (of one visit), resolution (of memory, with one visit), or
            null when noise is unknown.
    """

    outcomes: list[dict[str, Any]]
    log_ratios: Array
    deviations: Array
    interval_from: str | None

    @property
    def lengths(self) -> Array:
        """The values of the axis."""
        return np.array([item["length"] for item in self.outcomes], dtype=np.float64)


def find_duels(comparison: Comparison, metric: str) -> list[Duel]:
    """Return the lengths where both sides have an answer, shortest first."""
    duels = [Duel(length, *sides) for length, sides in comparison.sides(metric).items()]
    return [duel for duel in duels if _is_decidable(duel)]


def _is_decidable(duel: Duel) -> bool:
    statuses = {duel.vanilla.status, duel.efficient.status}
    return statuses == {"ok", "oom"} or (statuses == {"ok"} and bool(duel.ratios))


def judge(comparison: Comparison, duels: Sequence[Duel], metric: str) -> Judged:
    """Return the outcome of every duel, by the noise of them all."""
    noise, interval_from = _noise(duels)
    if interval_from is None and metric == "memory":
        interval_from = "resolution"
    deviations = draw_deviations(noise)
    outcomes = [
        _outcome(comparison, duel, ends, metric)
        for duel, ends in zip(duels, interval_ends(deviations), strict=True)
    ]
    log_ratios = np.array([duel.log_ratio for duel in duels])
    return Judged(outcomes, log_ratios, np.nan_to_num(deviations), interval_from)


def _noise(duels: Sequence[Duel]) -> tuple[Array, str | None]:
    """Return log ratios of repeated measurements, (lengths, visits or blocks), and which."""
    by_visit = [duel.ratios if np.isfinite(duel.log_ratio) else {} for duel in duels]
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
    if duel.vanilla.status == "oom":
        return item | {
            "outcome": "win",
            "reason": f"{comparison.vanilla.variant} runs out of memory",
        }
    if duel.efficient.status == "oom":
        return item | {
            "outcome": "lose",
            "reason": f"{comparison.efficient.variant} runs out of memory",
        }
    item["ratio"] = float(np.exp(duel.log_ratio))
    if not np.isfinite(ends).all() and metric == "memory":
        ends = np.zeros(2)
    if not np.isfinite(ends).all():
        return item | {"outcome": "tie", "reason": "one visit gives too little to know its noise"}
    resolution = _resolution(duel, metric)
    low = duel.log_ratio + min(float(ends[0]), -resolution)
    high = duel.log_ratio + max(float(ends[1]), resolution)
    outcome = "win" if high < 0 else "lose" if low > 0 else "tie"
    return item | {"outcome": outcome, "ci_low": float(np.exp(low)), "ci_high": float(np.exp(high))}


def _resolution(duel: Duel, metric: str) -> float:
    if metric != "memory":
        return 0.0
    costs = (np.exp(side.mean_log_cost) for side in (duel.vanilla, duel.efficient))
    return float(sum(np.log1p(MEMORY_RESOLUTION_MIB / cost) for cost in costs))
