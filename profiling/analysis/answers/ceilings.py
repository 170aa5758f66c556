"""The most that any attention could save: the share of the step that the vanilla one's takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from profiling.analysis.answers.comparisons import Comparison
from profiling.analysis.answers.duels import Duel
from profiling.analysis.points.components import attention_share, attention_shares
from profiling.analysis.statistics.intervals import share_interval

# Of a throughput's batch and of memory nothing was broken down.
METRIC = "latency"


@dataclass(frozen=True)
class Ceiling:
    """What attention takes of a step.

    Args:
        share: Median over the visits, between 0 and 1; None where nobody knows.
        ci_low: Lower end of its 95 % interval; None with fewer than two visits.
        ci_high: The upper end.
    """

    share: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None

    def fields(self, suffix: str = "") -> dict[str, float | None]:
        """Return it as a row has it, with what is added to the names."""
        return {
            f"ceiling{suffix}": self.share,
            f"ceiling{suffix}_ci_low": self.ci_low,
            f"ceiling{suffix}_ci_high": self.ci_high,
        }


UNKNOWN = Ceiling()


def ceilings_of(comparison: Comparison, duels: Sequence[Duel], metric: str) -> dict[int, Ceiling]:
    """Return the ceiling at every length where two sides met.

    It is unknown where the two differ in more than their attention, where the vanilla one was not
    broken down, and for other metrics than the latency.

    Args:
        comparison: Whose vanilla side is asked.
        duels: Where the two met; at each length the vanilla implementation that was compared.
        metric: What is compared.
    """
    known = metric == METRIC and comparison.attention_only
    return {duel.length: _ceiling(comparison, duel) if known else UNKNOWN for duel in duels}


def _ceiling(comparison: Comparison, duel: Duel) -> Ceiling:
    points = comparison.vanilla_points.get(duel.vanilla.implementation, {})
    visits = points.get(duel.length, [])
    interval = share_interval(attention_shares(visits)) or (None, None)
    return Ceiling(attention_share(visits), *interval)
