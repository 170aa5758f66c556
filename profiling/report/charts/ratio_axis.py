"""The axis of the ratios: what can be read on it."""

from collections.abc import Sequence
from math import ceil, floor
from typing import Any

from profiling.report.charts.inputs import Trace

FINE_BELOW = 3  # a largest ratio over a smallest one
STEPS = (0.02, 0.05, 0.1)
FIRST_CHOICE = "best_vs_best"


def ratio_ticks(traces: Sequence[Trace]) -> dict[str, Any]:
    """Return powers of two, and finer steps where hardly one of them would be in sight.

    What counts is the comparison that a reader sees first; others share the axis.
    """
    low, high = _ends(traces)
    powers = [2.0**exponent for exponent in range(-8, 9)]
    fine: list[float] = []
    if high / low < FINE_BELOW:
        step = next((step for step in STEPS if (high - low) / step < 6), 0.2)
        first, last = max(floor(low / step) - 1, 1), ceil(high / step) + 1
        fine = [count * step for count in range(first, last + 1)]
        powers = [power for power in powers if not fine[0] <= power <= fine[-1]]
    labels = {tick: f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}" for tick in powers}
    labels |= {tick: f"{tick:.4g}" for tick in fine}
    return {"tickvals": sorted(labels), "ticktext": [labels[tick] for tick in sorted(labels)]}


def _ends(traces: Sequence[Trace]) -> tuple[float, float]:
    first = [trace for trace in traces if trace["meta"]["comparison"] == FIRST_CHOICE]
    drawn = [value for trace in first or traces for value in trace["y"]]
    return min(drawn), max(drawn)
