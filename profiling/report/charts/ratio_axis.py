"""The axis of the ratios: what can be read on it."""

from collections.abc import Sequence
from math import log2
from typing import Any

from profiling.report.charts.inputs import Trace
from profiling.report.charts.log_ticks import log_ticks

FIRST_CHOICE = "best_vs_best"


def ratio_ticks(traces: Sequence[Trace]) -> dict[str, dict[str, Any]]:
    """Return the ticks for each comparison that a reader can choose, the first shown one first."""
    drawn: dict[str, list[float]] = {}
    for trace in sorted(traces, key=lambda trace: trace["meta"]["comparison"] != FIRST_CHOICE):
        drawn.setdefault(trace["meta"]["comparison"], []).extend(trace["y"])
    return {choice: _ticks_of(ratios) for choice, ratios in drawn.items()}


def _ticks_of(ratios: Sequence[float]) -> dict[str, Any]:
    low, high = min([1.0, *ratios]), max([1.0, *ratios])  # equal costs are always in sight
    room = max((high / low) ** 0.06, 1.01)  # that plotly leaves around what is drawn
    ticks = log_ticks(low / room, high * room, halved=True)
    all_halves = all(log2(tick).is_integer() for tick in ticks)
    return {"tickvals": ticks, "ticktext": [_label(tick, all_halves) for tick in ticks]}


def _label(tick: float, as_fraction: bool) -> str:
    return f"1/{1 / tick:g}" if as_fraction and tick < 1 else f"{tick:.4g}"
