"""The most that any attention could save: the share of the step that the vanilla one's takes."""

from collections.abc import Sequence

from profiling.analysis.comparisons import Comparison
from profiling.analysis.components import attention_share
from profiling.analysis.duels import Duel

# Of a throughput's batch and of memory nothing was broken down.
METRIC = "latency"


def ceilings_of(
    comparison: Comparison, duels: Sequence[Duel], metric: str
) -> dict[int, float | None]:
    """Return the ceiling at every length where two sides met.

    It is null where the two differ in more than their attention, where the vanilla one was not
    broken down, and for other metrics than the latency.

    Args:
        comparison: Whose vanilla side is asked.
        duels: Where the two met; at each length the vanilla implementation that was compared.
        metric: What is compared.
    """
    known = metric == METRIC and comparison.attention_only
    return {duel.length: _ceiling(comparison, duel) if known else None for duel in duels}


def _ceiling(comparison: Comparison, duel: Duel) -> float | None:
    points = comparison.vanilla_points.get(duel.vanilla.implementation, {})
    return attention_share(points.get(duel.length, []))
