"""What the panels of a chart are made of, as plain data for plotly's script."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import log
from typing import Any

from datamodules.lengths import LengthDistribution
from profiling.analysis.points.axes import axis_unit
from profiling.analysis.points.curves import Curve, Spread
from profiling.analysis.points.groups import Contender
from profiling.analysis.points.readings import finite
from profiling.report.answers.verdicts import describe_comparison, describe_verdict, shown_value
from profiling.report.palette import Styles, efficient_family
from profiling.rows.columns import Column, Row

Trace = dict[str, Any]
NUM_BINS = 36
SHADES = ("#8a8a8a", "#4f6d8a", "#8a6d4f")
RUNG = 0.06  # height of one label, as a share of the measured panel


@dataclass(frozen=True)
class ChartInput:
    """All that one chart shows: one metric of one modality, phase and setting."""

    modality: str
    column: Column
    curves: Sequence[Curve]
    tipping_points: Sequence[Row]
    distributions: Sequence[LengthDistribution]
    styles: Styles

    @property
    def unit(self) -> str:
        """Return the unit of the axis."""
        return axis_unit(self.modality)


def length_range(chart: ChartInput) -> tuple[float, float]:
    """Return the ends of the axis: all lengths measured and nearly all lengths of the data."""
    lengths = [float(point.length) for curve in chart.curves for point in curve.points]
    for distribution in chart.distributions:
        lengths += distribution.quantiles((0.005, 0.995))
    return min(lengths) / 1.18, max(lengths) * 1.18


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
    below, above = _num_rungs(chart) * RUNG + 0.04, 0.12
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
        "customdata": [[_between(s.low, s.high), s.num_visits, _disturbance(s)] for s in spreads],
        "hovertemplate": f"%{{y:,.4~g}} {chart.column.unit} at %{{x:,}} {chart.unit}"
        "<br>%{customdata[0]}%{customdata[1]} visits%{customdata[2]}",
    }


def _disturbance(spread: Spread) -> str:
    if not spread.num_disturbed:
        return ""
    return f", {spread.num_disturbed} disturbed" + " left out" * (not spread.disturbed)


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:,.4g} to {high:,.4g}, "


def _meta(contender: Contender) -> dict[str, str]:
    return {"contender": contender.label, "family": contender.family}


def oom_traces(chart: ChartInput, ceiling: float) -> Iterator[Trace]:
    """Mark what ran out of memory at the top, side by side where several did."""
    failed: dict[int, list[Contender]] = {}
    for curve in chart.curves:
        for point in curve.out_of_memory(chart.column.name):
            failed.setdefault(point.length, []).append(curve.contender)
    for length, contenders in failed.items():
        for index, contender in enumerate(contenders):
            colour = chart.styles.contenders[contender].colour
            yield {
                "type": "scatter",
                "mode": "markers+text",
                "cliponaxis": False,
                "name": escape(contender.label),
                "meta": _meta(contender),
                "x": [length * 0.955**index],
                "y": [ceiling],
                "marker": {"symbol": "x", "size": 9, "color": colour},
                "text": ["oom " if contender is contenders[-1] else ""],
                "textposition": "middle left",
                "textfont": {"size": 11, "color": colour},
                "hovertemplate": f"out of memory at {length:,} {chart.unit}",
            }


def tipping_traces(chart: ChartInput, floor: float, ceiling: float) -> Iterator[Trace]:
    """Draw a line where each efficient variant starts to win, its length beside it."""
    placed: dict[str, int] = {}
    for row in _crossing_rows(chart):
        choice = comparison_choice(row)
        index = placed[choice] = placed.get(choice, -1) + 1
        colour = chart.styles.of_row(row).colour
        place = shown_value(row)
        family = efficient_family(row)
        # One rung per variant, so that the labels of close tipping points do not collide.
        rung = floor * (ceiling / floor) ** (RUNG * (index + 0.4))
        low, high = (finite(row.get(name)) or place for name in ("ci_low", "ci_high"))
        yield {
            "type": "scatter",
            "mode": "lines+markers+text",
            "name": escape(family),
            "meta": {"family": family, "comparison": choice},
            "x": [place, place, place],
            "y": [floor, rung, ceiling],
            "line": {"color": colour, "width": 1.2, "dash": "1px,3px"},
            "marker": {"size": [0, 6, 0], "symbol": "diamond", "color": colour},
            "error_x": {
                "type": "data",
                "symmetric": False,
                "array": [0, max(0.0, high - place), 0],
                "arrayminus": [0, max(0.0, place - low), 0],
                "thickness": 1.4,
                "width": 0,
                "color": colour,
            },
            "text": ["", f" {'≤ ' if row.get('at_most') else ''}{place:,.0f} ", ""],
            "textposition": f"top {_free_side(chart, place)}",
            "textfont": {"size": 11, "color": colour},
            "hoverinfo": "text",
            "hovertext": f"{escape(family)}: {escape(describe_verdict(row).text)}",
        }


def _free_side(chart: ChartInput, place: float) -> str:
    """Return the side on which a number beside a tipping point has room, on a phone too."""
    low, high = length_range(chart)
    return "left" if log(place / low) > 0.75 * log(high / low) else "right"


def _num_rungs(chart: ChartInput) -> int:
    choices = [comparison_choice(row) for row in _crossing_rows(chart)]
    return max((choices.count(choice) for choice in choices), default=0)


def _crossing_rows(chart: ChartInput) -> list[Row]:
    """Return the rows with a crossing, the shortest length first."""
    rows = [
        row
        for row in chart.tipping_points
        if row.get("verdict") in {"crosses", "several"} and finite(row.get("tipping_point"))
    ]
    return sorted(rows, key=shown_value)


def comparison_choice(row: Row) -> str:
    """Return which choice of the page's selector shows a tipping point row."""
    if row.get("comparison") != "pair":
        return str(row.get("comparison"))
    return f"{row.get('efficient')} {describe_comparison(row)}"


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
