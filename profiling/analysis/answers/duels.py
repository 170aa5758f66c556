"""Where two sides can be told apart, and why not where they cannot."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from profiling.analysis.answers.comparisons import OTHER_EFFORTS, Comparison
from profiling.analysis.points.sides import Side
from profiling.analysis.statistics.intervals import paired_log_ratios

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
        """In how many visits the two met; where one does not fit, the fewer visits of a side."""
        if any(side.status == "oom" for side in self._sides):
            return min(side.num_visits for side in self._sides)
        return len(self.ratios)

    @property
    def disturbed(self) -> bool:
        """Whether the two met too seldom without disturbance."""
        return self.vanilla.disturbed or self.efficient.disturbed


def find_duels(met: Mapping[int, tuple[Side, Side]]) -> list[Duel]:
    """Return the lengths where both sides have an answer, shortest first."""
    duels = [Duel(length, *sides) for length, sides in met.items()]
    return [duel for duel in duels if _is_decidable(duel)]


def find_missing(
    comparison: Comparison, met: Mapping[int, tuple[Side, Side]], metric: str
) -> dict[int, str]:
    """Return the lengths where a side was tried and the two cannot be compared, and why."""
    models = (comparison.vanilla.variant, comparison.efficient.variant)
    return {
        length: _why_missing(models, sides)
        for length, sides in met.items()
        if not _is_decidable(Duel(length, *sides)) and comparison.was_tried(length, metric)
    }


def _why_missing(variants: tuple[str, str], sides: tuple[Side, Side]) -> str:
    statuses = [side.status for side in sides]
    if statuses == ["oom", "oom"]:
        return "both run out of memory"
    if statuses == ["ok", "ok"]:
        return "they have no visit in common"
    if sides[0].reason == OTHER_EFFORTS:
        return OTHER_EFFORTS
    failed = [
        (variant, side)
        for variant, side in zip(variants, sides, strict=True)
        if side.status not in ("ok", "oom")
    ]
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
