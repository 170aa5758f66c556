"""The numbers of the chart of one metric, as the rows of a CSV file."""

from collections.abc import Iterator
from typing import Any

from profiling.analysis.points.readings import finite
from profiling.report.charts.inputs import ChartInput, comparison_choice
from profiling.report.charts.look import table_of
from profiling.report.charts.traces import length_traces
from profiling.report.palette import efficient_family

COLUMNS = ("panel", "comparison", "variant", "length", "value", "low", "high", "outcome", "ceiling")


def measured_numbers(chart: ChartInput) -> dict[str, Any]:
    """Return what the panels show: measured values with their spread, then ratios."""
    return table_of(COLUMNS, [*_measured(chart), *_ratios(chart), *_lengths(chart)])


def _measured(chart: ChartInput) -> Iterator[tuple[Any, ...]]:
    name = chart.column.name
    for curve in chart.curves:
        label = curve.contender.label
        for point in curve.points:
            spread = point.values.get(name)
            outcome = point.readings[name].status
            numbers = (spread.median, spread.low, spread.high) if spread else (None, None, None)
            yield name, "", label, point.length, *numbers, outcome, None


def _ratios(chart: ChartInput) -> Iterator[tuple[Any, ...]]:
    for row in chart.tipping_points:
        for item in row.get("lengths") or ():
            numbers = (finite(item.get(key)) for key in ("ratio", "ci_low", "ci_high"))
            yield (
                *("ratio to vanilla", comparison_choice(row), efficient_family(row)),
                *(item["length"], *numbers, item.get("outcome"), finite(item.get("ceiling"))),
            )


def _lengths(chart: ChartInput) -> Iterator[tuple[Any, ...]]:
    for trace in length_traces(chart) if chart.distributions else ():
        name = trace["meta"]["distribution"]  # the name of a trace is markup
        for length, share in zip(trace["x"], trace["y"], strict=True):
            yield "share of samples", "", name, length, share, None, None, "", None
