"""Win, tie or lose at each length, by the 95 % interval of the log ratio."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from profiling.analysis.answers.comparisons import Comparison
from profiling.analysis.points.readings import MIN_VISITS
from profiling.analysis.points.sides import MEMORY_RESOLUTION_MIB, Side
from profiling.analysis.statistics.intervals import (
    NUM_RESAMPLES,
    Array,
    block_log_ratios,
    bounded,
    chance_of,
    draw_deviations,
    interval_ends,
    paired_log_ratios,
)

ONE_VISIT = "one visit decides nothing: measure again"
DISTURBED = "other processes took CPU time in all visits but one or none: measure again"
# What the noise of the best implementation's own visits is multiplied with: the values that the
# other visits choose are correlated, so that their spread tells too little.
CHOICE_NOISE = 1.3


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

    @property
    def repeated(self) -> dict[int, float]:
        """Log ratios by visit that lie as far apart as repeated measurements do."""
        if not np.isfinite(self.log_ratio):
            return {}
        chosen = [side.chosen_costs for side in (self.efficient, self.vanilla)]
        if not any(chosen):
            return self.ratios
        costs = [own or side.costs for own, side in zip(chosen, self._sides, strict=True)]
        ratios = paired_log_ratios(*costs)
        centre = float(np.mean([*ratios.values()])) if ratios else 0.0
        return {
            visit: self.log_ratio + CHOICE_NOISE * (ratio - centre)
            for visit, ratio in ratios.items()
        }

    @property
    def mean_log_costs(self) -> tuple[float, float]:
        """Of vanilla and efficient, over the visits that both have; zero where one does not fit."""
        shared = list(self.ratios)
        if not shared:
            return 0.0, 0.0
        vanilla = float(np.mean([np.log(self.vanilla.costs[visit]) for visit in shared]))
        return vanilla, vanilla + self.log_ratio

    @property
    def _sides(self) -> tuple[Side, Side]:
        return self.efficient, self.vanilla

    @property
    def num_visits(self) -> int:
        """In how many visits the two met; where only one of them runs, in how many that did."""
        costs = [side.costs.keys() for side in self._sides if side.status == "ok"]
        return len(set.intersection(*map(set, costs)))

    @property
    def disturbed(self) -> bool:
        """Whether a side was measured too seldom without disturbance."""
        return self.vanilla.disturbed or self.efficient.disturbed


@dataclass(frozen=True)
class Judged:
    """A comparison in one metric, length by length.

    Args:
        outcomes: The entries of `lengths` in a tipping point row, of what was compared.
        log_ratios: One per outcome, infinite where one side is infeasible.
        deviations: (resamples, outcomes), what the log ratios may be off by, through noise and
            resolution; zero where unknown.
        interval_from: visits, blocks (of one visit), resolution (of memory, with one visit), or
            null when noise is unknown.
        chance: How often chance alone would put the longest length at least this far from a tie.
    """

    outcomes: list[dict[str, Any]]
    log_ratios: Array
    deviations: Array
    interval_from: str | None
    chance: float

    @property
    def lengths(self) -> Array:
        """The values of the axis."""
        return np.array([item["length"] for item in self.outcomes], dtype=np.float64)


def find_duels(met: Mapping[int, tuple[Side, Side]]) -> list[Duel]:
    """Return the lengths where both sides have an answer, shortest first."""
    duels = [Duel(length, *sides) for length, sides in met.items()]
    return [duel for duel in duels if _is_decidable(duel)]


def find_missing(comparison: Comparison, met: Mapping[int, tuple[Side, Side]]) -> dict[int, str]:
    """Return the lengths where one side was tried and the two cannot be compared, and why."""
    models = (comparison.vanilla.variant, comparison.efficient.variant)
    found = {}
    for length, sides in met.items():
        tried = any(side.status != "missing" or side.reason for side in sides)
        if tried and not _is_decidable(Duel(length, *sides)):
            found[length] = _why_missing(models, sides)
    return found


def _why_missing(variants: tuple[str, str], sides: tuple[Side, Side]) -> str:
    statuses = [side.status for side in sides]
    if statuses == ["oom", "oom"]:
        return "both run out of memory"
    if statuses == ["ok", "ok"]:
        return "they have no visit in common"
    failed = [
        (variant, side)
        for variant, side in zip(variants, sides, strict=True)
        if side.status not in ("ok", "oom")
    ]
    if statuses == ["missing", "missing"]:
        return sides[0].reason
    return "; ".join(_why_without_number(variant, side) for variant, side in failed)


def _why_without_number(variant: str, side: Side) -> str:
    name = f"{variant} {side.implementation}".rstrip()
    if side.reason:
        return f"{name}: {side.reason}"
    if side.status == "missing":
        return f"{name} was not measured"
    return f"{name} has no number ({side.status})"


def _is_decidable(duel: Duel) -> bool:
    statuses = {duel.vanilla.status, duel.efficient.status}
    return statuses == {"ok", "oom"} or (statuses == {"ok"} and bool(duel.ratios))


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
    log_ratios = np.array([duel.log_ratio for duel in duels])
    chance = 1.0 if outcomes[-1]["outcome"] == "tie" else 0.0
    if not chance and np.isfinite(log_ratios[-1]):
        chance = chance_of(noise, len(duels) - 1)
    told = np.nan_to_num(deviations) + _unresolved(duels, metric)
    return Judged(outcomes, log_ratios, told, interval_from, chance)


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
