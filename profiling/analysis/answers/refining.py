"""Where an answer becomes narrower: at which length to measure next, or that it is narrow."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from profiling.analysis.answers.comparisons import Comparison
from profiling.analysis.answers.duels import Duel
from profiling.analysis.answers.judging import Judged
from profiling.analysis.answers.next_length import Limits, Search
from profiling.analysis.answers.verdicts import cost_curves, decide, trusted
from profiling.analysis.statistics.intervals import TAIL, quantiles


@dataclass(frozen=True)
class Wish:
    """What would make an answer narrower: one more visit of a length, its first one if it is new.

    Args:
        length: Where to measure.
        width: Of the answer so far: the upper over the lower end of where it may lie.
    """

    length: int
    width: float


def find_wish(
    comparison: Comparison,
    duels: Sequence[Duel],
    metric: str,
    visits: Mapping[int, int],
    limits: Limits,
    in_vain: Collection[int] = (),
) -> Wish | None:
    """Return what to measure for an answer; None when it is narrow, or cannot become narrower.

    Noise is that of each length's own visits: see `draw_deviations`.

    Args:
        comparison: What is compared.
        duels: Its lengths, shortest first.
        metric: latency, throughput or memory.
        visits: How often each length was visited.
        limits: How far to go.
        in_vain: Lengths at which both were tried and cannot be compared, as neither fits or one
            failed: these get no further visit, and the search goes on beside them.
    """
    if not duels:
        return None
    judged, answer = decide(comparison, duels, metric, borrows=False)
    lengths = [duel.length for duel in duels]
    search = Search(judged, answer, lengths, visits, limits, frozenset(in_vain))
    length = search.next_length(lambda: _noise_factor(comparison, duels, judged))
    return None if length is None else Wish(length, search.width)


def _noise_factor(comparison: Comparison, duels: Sequence[Duel], judged: Judged) -> float:
    """Return how wide noise alone makes the interval: its upper over its lower end."""
    curves, deviations = trusted(judged, cost_curves(comparison, duels))
    low, high = quantiles(curves.crossings(deviations), (1 - TAIL, TAIL))
    return float(high / low)
