"""From outcomes in order of length to a verdict, a length and its interval."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from profiling.analysis.answers.comparisons import Comparison
from profiling.analysis.answers.duels import Duel
from profiling.analysis.answers.judging import DISTURBED, ONE_VISIT, Judged, judge
from profiling.analysis.points.axes import axis_of
from profiling.analysis.points.readings import MIN_VISITS
from profiling.analysis.points.sides import Side
from profiling.analysis.statistics.cost_curve import CostCurve
from profiling.analysis.statistics.cost_curves import CostCurves
from profiling.analysis.statistics.intervals import TAIL, Array, quantiles

WITH_VALUE = ("always", "crosses", "several")
NOISE = "at the longest length the two cannot be told apart within the noise"


@dataclass(frozen=True)
class Answer:
    """What a comparison says in one metric; lengths are null where there is no tipping point.

    Args:
        verdict: One of those in `docs/method.md`, section 6.
        tipping_point: From where on the efficient side costs less.
        ci_low: The lower end of its 95 % interval.
        ci_high: The upper end.
        length_before: The compared length before the tipping point.
        proven_from: The smallest compared length from which every one is a win.
        at_most: Whether nothing lost, so that it may win earlier than the shortest length.
        reason: Why it is undecided.
    """

    verdict: str
    tipping_point: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    length_before: int | None = None
    proven_from: int | None = None
    at_most: bool = False
    reason: str | None = None


def verdict_of(outcomes: Sequence[str]) -> str:
    """Return the verdict on outcomes (win, tie, lose) in order of length; ties inside are nothing.

    Where nothing loses and the shortest is a tie, `crosses` says that it wins from some length on.
    """
    if outcomes[-1] == "tie":
        return "undecided"
    if outcomes[-1] == "lose":
        return "wins_only_below" if "win" in outcomes else "never_in_range"
    decided = [name for name in outcomes if name != "tie"]
    if "lose" in decided[decided.index("win") :]:
        return "several"
    return "always" if "lose" not in outcomes and outcomes[0] == "win" else "crosses"


def proven_from(outcomes: Sequence[str]) -> int | None:
    """Return the place of the first win of those that end at the longest; None without one."""
    last_other = max((place for place, name in enumerate(outcomes) if name != "win"), default=-1)
    return last_other + 1 if last_other + 1 < len(outcomes) else None


def decide(
    comparison: Comparison, duels: Sequence[Duel], metric: str, borrows: bool = True
) -> tuple[Judged, Answer]:
    """Return every outcome, and what they say together.

    Args:
        comparison: What is compared.
        duels: Its lengths, shortest first.
        metric: latency, throughput or memory.
        borrows: Whether a length may borrow the noise of the others: see `draw_deviations`.
    """
    judged = judge(comparison, duels, metric, borrows)
    return judged, _answer(judged, duels, cost_curves(comparison, duels))


def cost_curves(comparison: Comparison, duels: Sequence[Duel]) -> CostCurves:
    """Return the cost curves through all compared lengths, over the visits that both have."""
    lengths = np.array([duel.length for duel in duels], dtype=np.float64)
    log_ratios = np.array([duel.log_ratio for duel in duels])
    costs = np.array([duel.mean_log_costs for duel in duels])
    finite = np.isfinite(log_ratios)
    in_pixels = axis_of(comparison.conditions["modality"]) == "input_size"
    paddings = (None, None) if in_pixels else _paddings(comparison, duels)
    vanilla, efficient = (
        CostCurve(lengths[finite], log_costs[finite], padding, in_pixels)
        for log_costs, padding in zip(costs.T, paddings, strict=True)
    )
    return CostCurves(lengths, log_ratios, vanilla, efficient)


def _paddings(comparison: Comparison, duels: Sequence[Duel]) -> tuple[int | None, int | None]:
    """Return what vanilla and efficient pad to a multiple of, as registry or rows say it."""
    vanilla, efficient = comparison.paddings
    lengths = [duel.length for duel in duels]
    return (
        vanilla or _padding_seen(lengths, [duel.vanilla for duel in duels]),
        efficient or _padding_seen(lengths, [duel.efficient for duel in duels]),
    )


def _padding_seen(lengths: Sequence[int], sides: Sequence[Side]) -> int | None:
    """Return what a side pads to a multiple of, where a length shows that it pads."""
    tokens = [side.effective_length for side in sides]
    pairs = zip(lengths, tokens, strict=True)
    if any(padded and padded > length for length, padded in pairs):
        return math.gcd(*filter(None, tokens))
    return None


def _answer(judged: Judged, duels: Sequence[Duel], curves: CostCurves) -> Answer:
    """Return verdict, tipping point and interval.

    Args:
        judged: The outcomes.
        duels: What was judged.
        curves: The cost curves through what was judged, of all lengths.
    """
    outcomes = [item["outcome"] for item in judged.outcomes]
    place = proven_from(outcomes)
    proven = None if place is None else duels[place].length
    if all(duel.num_visits < MIN_VISITS for duel in duels):
        return Answer("undecided", reason=ONE_VISIT)
    verdict = verdict_of(outcomes)
    if verdict == "undecided":
        return Answer(verdict, reason=judged.outcomes[-1].get("reason", NOISE))
    if verdict not in WITH_VALUE:
        return Answer(verdict)
    at_most = verdict == "crosses" and "lose" not in outcomes
    value, low, high = _located(*trusted(judged, curves))
    shortest = duels[0].length
    if verdict == "always":
        value = low = _shortest_of_both(duels)
    low = float(shortest) if at_most else min(low, value)
    before = [duel.length for duel in duels if duel.length < value]
    return Answer(
        verdict,
        value,
        low,
        max(high, value),
        before[-1] if before and verdict != "always" else None,
        proven,
        at_most,
    )


def is_trusted(outcome: Mapping[str, Any]) -> bool:
    """Tell whether a length may move the crossing: visited twice, and left alone by neighbours."""
    return outcome.get("reason") not in (DISTURBED, ONE_VISIT)


def trusted_outcomes(outcomes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the entries of `lengths` that a curve goes through; all of them if none is trusted."""
    return [item for item in outcomes if is_trusted(item)] or list(outcomes)


def trusted(judged: Judged, curves: CostCurves) -> tuple[CostCurves, Array]:
    """Return the curves and deviations, (resamples, lengths), of the lengths that are trusted."""
    used = np.array([is_trusted(outcome) for outcome in judged.outcomes])
    return curves.only(used), judged.deviations[:, used]


def _shortest_of_both(duels: Sequence[Duel]) -> float:
    both_ran = [duel.length for duel in duels if np.isfinite(duel.log_ratio)]
    return float(both_ran[0] if both_ran else duels[0].length)


def _located(curves: CostCurves, deviations: Array) -> tuple[float, float, float]:
    """Return the last crossing and its interval, wide enough for the error of interpolating."""
    drawn = curves.crossings(deviations)
    low, high = (float(end) for end in quantiles(drawn, (1 - TAIL, TAIL)))
    straight = curves.crossing()
    if straight is None:
        return float(curves.lengths[0]), low, high
    jump = curves.jump_before(straight)
    if jump is not None:  # only one side fits at one end: between the two nothing is known
        return straight, min(low, jump), high
    value = (curves.bent_crossing() if curves.bends() else None) or straight
    earliest, latest = (end / straight for end in curves.outermost_crossings())
    ends = low * min(earliest, 1.0), high * max(latest, 1.0)
    low, high = np.clip(ends, curves.lengths[0], curves.lengths[-1])
    return value, min(float(low), value), max(float(high), value)


def shown_value(row: Mapping[str, Any]) -> float:
    """Return the length from which a winner is said to win: with `at_most` the upper end.

    Args:
        row: A tipping point row with a verdict of `WITH_VALUE`.
    """
    return float(row["ci_high" if row.get("at_most") else "tipping_point"])


def as_fields(found: Answer) -> dict[str, Any]:
    """Return the answer by the names of a tipping point row."""
    return dict(vars(found))
