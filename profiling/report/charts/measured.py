"""The chart of one metric: measured curves, ratios, lengths of real data."""

from html import escape
from math import log10
from typing import Any

from profiling.analysis.points.curves import spaced_lengths
from profiling.report.charts.ceiling import ceiling_label, ceiling_traces
from profiling.report.charts.inputs import ChartInput, length_range
from profiling.report.charts.log_ticks import log_ticks, round_decades
from profiling.report.charts.look import GRID, INK, plain_axis, plain_layout
from profiling.report.charts.numbers import measured_numbers
from profiling.report.charts.ratio_axis import ratio_ticks
from profiling.report.charts.ratios import ratio_traces
from profiling.report.charts.tipping_marks import tipping_traces
from profiling.report.charts.traces import curve_traces, length_traces, oom_traces, value_range

# Heights of the panels in pixels: measured curves, ratios, lengths of real data; then the gaps.
HEIGHTS = {"measured": 300, "ratio": 190, "lengths": 80}
GAP, TOP, BOTTOM = 40, 32, 46
ROOM = 1.5


def build_chart(chart: ChartInput) -> dict[str, Any]:
    """Return `data`, `layout` and `table`: measured curves, ratios, lengths of real data."""
    bottom, top = value_range(chart)
    data = [trace for curve in chart.curves for trace in curve_traces(chart, curve)]
    data += oom_traces(chart, bottom, top)
    data += tipping_traces(chart, bottom, top)
    ratios = ratio_traces(chart.tipping_points, chart.styles, chart.unit)
    data += ratios
    ceilings = ceiling_traces(chart.tipping_points, chart.unit) if ratios else []
    data += ceilings
    data += list(length_traces(chart))
    panels = ["measured"] + ["ratio"] * bool(ratios) + ["lengths"] * bool(chart.distributions)
    layout = _layout(chart, panels, (bottom, top))
    if ratios:
        ticks = ratio_ticks([*ratios, *ceilings])
        layout["yaxis2"] |= next(iter(ticks.values()))
        layout["meta"] = {"ticks": ticks}  # the page's script takes those of another choice
    if ceilings:
        layout["annotations"].append(ceiling_label(*layout["yaxis2"]["domain"]))
    return {"data": data, "layout": layout, "table": measured_numbers(chart)}


def _layout(chart: ChartInput, panels: list[str], values: tuple[float, float]) -> dict[str, Any]:
    inner = sum(HEIGHTS[panel] for panel in panels) + GAP * (len(panels) - 1)
    domains, top = {}, 1.0
    for panel in panels:
        domains[panel] = [max(0.0, top - HEIGHTS[panel] / inner), top]
        top -= (HEIGHTS[panel] + GAP) / inner
    axes = {"measured": "yaxis", "ratio": "yaxis2", "lengths": "yaxis3"}
    layout: dict[str, Any] = {
        **plain_layout(inner + TOP + BOTTOM, TOP, BOTTOM),
        "xaxis": _length_axis(chart, {"lengths": "y3", "ratio": "y2"}.get(panels[-1], "y")),
        "annotations": [_panel_title(chart, panel, domains[panel][1]) for panel in panels[1:]],
    }
    for panel in panels:
        layout[axes[panel]] = _value_axis(panel, values) | {"domain": domains[panel]}
    if "ratio" in panels:
        layout["shapes"] = [_even_line()]
    return layout


def _length_axis(chart: ChartInput, anchor: str) -> dict[str, Any]:
    low, high = length_range(chart)
    measured = [point.length for curve in chart.curves for point in curve.points]
    ticks = spaced_lengths([*measured, *_powers_outside(measured, low, high)])
    return plain_axis(chart.unit) | {
        "type": "log",
        "range": [log10(low), log10(high)],
        "tickvals": ticks,
        "ticktext": [f"{tick:,}" for tick in ticks],
        "anchor": anchor,
    }


def _powers_outside(measured: list[int], low: float, high: float) -> list[int]:
    """Return powers of two where the data's lengths reach beyond what was measured."""
    shortest, longest = min(measured), max(measured)
    # With room between: a label must not push that of a measured length aside.
    outside = (2**n for n in range(24) if 2**n * ROOM < shortest or 2**n > longest * ROOM)
    return [power for power in outside if low <= power <= high]


def _value_axis(panel: str, values: tuple[float, float]) -> dict[str, Any]:
    axis: dict[str, Any] = {"gridcolor": GRID, "zeroline": False, "fixedrange": True}
    if panel == "lengths":
        return axis | {"showticklabels": False, "showgrid": False, "rangemode": "tozero"}
    axis |= {"type": "log", "automargin": True}
    if panel == "ratio":
        return axis  # its ticks go by what is drawn
    low, high = values
    around = round_decades((1, 2, 5), low / 10, high * 10)  # for whoever moves the panel
    ticks = sorted([*log_ticks(low, high), *(tick for tick in around if not low <= tick <= high)])
    return axis | {
        "range": [log10(end) for end in values],
        "tickvals": ticks,
        "ticktext": [f"{tick:,.6g}" for tick in ticks],
        "fixedrange": False,
    }


def _panel_title(chart: ChartInput, panel: str, top: float) -> dict[str, Any]:
    names = ", ".join(item.name for item in chart.distributions)
    texts = {
        "ratio": f"<b>{chart.column.cost} against vanilla</b>: wins below 1",
        "lengths": f"<b>lengths of {escape(names)}</b>",
    }
    return {
        "text": texts[panel],
        "xref": "x domain",
        "yref": "paper",
        "x": 0,
        "y": top,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 12, "color": INK},
    }


def _even_line() -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "x domain",
        "yref": "y2",
        "x0": 0,
        "x1": 1,
        "y0": 1,
        "y1": 1,
        "line": {"color": "#3d3d3d", "width": 1},
    }
