"""What the panels of a chart are made of, as plain data for plotly's script."""

from collections.abc import Iterator
from html import escape
from itertools import pairwise

from datamodules.counted import counted
from profiling.analysis.points.curves import Curve, Spread
from profiling.analysis.points.groups import Contender
from profiling.report.charts.inputs import ChartInput, Trace, length_range
from profiling.report.charts.look import INK
from profiling.report.charts.oom_marks import OomMark, free_strip, oom_marks
from profiling.report.charts.tipping_marks import rungs_height
from profiling.report.rounding import measured_text

NUM_BINS = 36
SHADES = ("#8a8a8a", "#4f6d8a", "#8a6d4f")


def value_range(chart: ChartInput) -> tuple[float, float]:
    """Return the ends of the measured panel, with strips for tipping points and out of memory."""
    values = [
        end
        for curve in chart.curves
        for point in curve.measured(chart.column.name)
        for spread in (point.values[chart.column.name],)
        for end in (spread.median, spread.low, spread.high)
        if end is not None and end > 0
    ]
    if not values:
        return 0.5, 2.0
    below, above = rungs_height(chart) + 0.04, free_strip(_oom_marks(chart))
    span = max(max(values) / min(values), 1.5) ** (1 / (1 - below - above))
    return min(values) / span**below, max(values) * span**above


def curve_traces(chart: ChartInput, curve: Curve) -> Iterator[Trace]:
    """Draw one contender with its spread as error bars."""
    points = curve.measured(chart.column.name)
    if not points:
        return
    style = chart.styles.contenders[curve.contender]
    spreads = [point.values[chart.column.name] for point in points]
    yield {
        "type": "scatter",
        "mode": "lines+markers",
        "name": escape(curve.contender.label),
        "meta": _meta(curve.contender),
        "x": [point.length for point in points],
        "y": [spread.median for spread in spreads],
        "line": {"color": style.colour, "dash": style.dash, "width": 2},
        "marker": {
            "color": style.colour,
            "symbol": [style.symbol + "-open" * spread.disturbed for spread in spreads],
            "size": 7,
        },
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, (s.high or s.median) - s.median) for s in spreads],
            "arrayminus": [max(0.0, s.median - (s.low or s.median)) for s in spreads],
            "thickness": 1.2,
            "width": 3,
            "color": style.colour,
        },
        "customdata": [[measured_text(s.median), _visits(s)] for s in spreads],
        "hovertemplate": f"%{{customdata[0]}} {chart.column.unit} at %{{x:,}} {chart.unit}"
        "<br>%{customdata[1]}",
    }


def _visits(spread: Spread) -> str:
    visits = counted(spread.num_visits, "visit")
    return _between(spread.low, spread.high) + visits + _disturbance(spread)


def _disturbance(spread: Spread) -> str:
    if not spread.num_disturbed:
        return ""
    return f", {spread.num_disturbed} disturbed" + " left out" * (not spread.disturbed)


def _between(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f"{measured_text(low)} to {measured_text(high)}, "


def _meta(contender: Contender) -> dict[str, str]:
    return {"contender": contender.label, "family": contender.family}


def oom_traces(chart: ChartInput, floor: float, ceiling: float) -> Iterator[Trace]:
    """Mark what ran out of memory below the upper end of the measured panel."""
    for mark in _oom_marks(chart):
        colour = chart.styles.contenders[mark.contender].colour
        yield {
            "type": "scatter",
            "mode": "markers+text",
            "cliponaxis": False,
            "name": escape(mark.contender.label),
            "meta": _meta(mark.contender),
            "x": [mark.length],
            "y": [ceiling * (floor / ceiling) ** mark.depth],
            "marker": {"symbol": "x", "size": 9, "color": colour},
            # Below all of them, since plotly's buttons are above.
            "text": ["oom" if mark.is_lowest else ""],
            "textposition": "bottom center",
            "textfont": {"size": 11, "color": INK},
            "hovertemplate": f"out of memory at {mark.length:,} {chart.unit}",
        }


def _oom_marks(chart: ChartInput) -> list[OomMark]:
    return oom_marks(chart.curves, chart.column.name)


def length_traces(chart: ChartInput) -> Iterator[Trace]:
    """Draw how the samples of real data spread over the axis."""
    low, high = length_range(chart)
    step = (high / low) ** (1 / NUM_BINS)
    edges = [low * step**index for index in range(NUM_BINS + 1)]
    for index, distribution in enumerate(chart.distributions):
        shares = [
            distribution.share_beyond(left) - distribution.share_beyond(right)
            for left, right in pairwise(edges)
        ]
        shade = SHADES[index % len(SHADES)]
        yield {
            "type": "scatter",
            "mode": "lines",
            "name": escape(distribution.name),
            "meta": {"distribution": distribution.name},
            "x": [(left * right) ** 0.5 for left, right in pairwise(edges)],
            "y": shares,
            "yaxis": "y3",
            "line": {"color": shade, "width": 1.2, "shape": "hvh"},
            "fill": "tozeroy",
            "hovertemplate": "%{y:.1%} of samples near %{x:,.0f}",
        }
