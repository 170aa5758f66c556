"""Where the time of a step goes: one small chart of stacked components per contender."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from profiling.analysis.points.axes import axis_unit
from profiling.analysis.points.components import ComponentCurve
from profiling.report.charts.component_bars import MEASURES, Piece, component_numbers, pieces_of
from profiling.report.charts.component_looks import OPTIMISER, look_of
from profiling.report.charts.inputs import Trace
from profiling.report.charts.look import GRID, INK, PAPER, plain_axis, plain_layout
from profiling.report.rounding import measured_text

HEIGHT = 205
PATTERN = {"fillmode": "overlay", "fgcolor": PAPER, "fgopacity": 1, "size": 6, "solidity": 0.2}
# Where the bars of a length stand, in lengths from its place, and how wide they are.
SLOTS: Mapping[str, Mapping[str, float]] = {
    "inference": {"forward": 0.0},
    "training": {"forward": -0.28, "backward": 0.0, OPTIMISER: 0.28},
}
WIDTHS = {"inference": 0.7, "training": 0.26}


def build_component_chart(curve: ComponentCurve, highest: Mapping[str, float]) -> dict[str, Any]:
    """Return `data`, `layout` and `table` of one contender in one phase."""
    lengths = sorted({*curve.points, *curve.refused})
    pieces = pieces_of(curve)
    data = [trace for measure in MEASURES for trace in _stack(curve, measure, lengths, pieces)]
    data += _refused(curve, lengths)
    layout = {
        **plain_layout(HEIGHT, top=10, bottom=42, left=50),
        "barmode": "overlay",
        "bargap": 0,
        "meta": {"axes": {"yaxis": "share", "yaxis2": "ms"}},
        "xaxis": _lengths_axis(curve, lengths),
        "yaxis": _axis(highest["share"]) | {"tickformat": ".0%"},
        "yaxis2": _axis(highest["ms"])
        | {"overlaying": "y", "side": "left", "ticksuffix": " ms", "visible": False}
        | {"tickmode": "auto", "showgrid": True},  # an axis over another one has neither of itself
    }
    return {"data": data, "layout": layout, "table": component_numbers(curve)}


def _stack(
    curve: ComponentCurve, measure: str, lengths: Sequence[int], pieces: Iterable[Piece]
) -> list[Trace]:
    heights: dict[tuple[int, str], float] = {}
    traces: dict[str, Trace] = {}
    phase, unit = curve.group.phase, axis_unit(curve.group.modality)
    slots = SLOTS.get(phase, SLOTS["training"])
    for piece in pieces:
        trace = traces.setdefault(
            piece.component, _bars(piece.component, measure, WIDTHS.get(phase, 0.26), unit)
        )
        bar = (piece.length, piece.slot)
        height = getattr(piece, measure)
        trace["x"].append(lengths.index(piece.length) + slots.get(piece.slot, 0.0))
        trace["y"].append(height)
        trace["base"].append(heights.get(bar, 0.0))
        words = [piece.slot, measured_text(piece.ms), f"{piece.share:.1%}", f"{piece.length:,}"]
        trace["customdata"].append(words)
        heights[bar] = heights.get(bar, 0.0) + height
    return list(traces.values())


def _bars(component: str, measure: str, width: float, unit: str) -> Trace:
    look = look_of(component)
    return {
        "type": "bar",
        "name": escape(component),
        "meta": {"measure": measure},
        "x": [],
        "y": [],
        "base": [],
        "width": width,
        "customdata": [],
        "yaxis": "y" if measure == "share" else "y2",
        "marker": {
            "color": look.colour,
            "line": {"color": PAPER, "width": 1},
            "pattern": PATTERN | {"shape": look.pattern},
        },
        "hovertemplate": f"<b>{escape(component)}</b>, %{{customdata[0]}}: %{{customdata[1]}} ms, "
        f"%{{customdata[2]}} of the step<br>at %{{customdata[3]}} {unit}<extra></extra>",
    }


def _refused(curve: ComponentCurve, lengths: Sequence[int]) -> list[Trace]:
    """Mark where something was broken down that did not add up."""
    if not curve.refused:
        return []
    trace: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "not shown",
        "cliponaxis": False,
        "x": [lengths.index(length) for length in curve.refused],
        "y": [0] * len(curve.refused),
        "marker": {"symbol": "x-thin-open", "size": 9, "color": INK, "line": {"width": 2}},
        "customdata": [[escape(reason)] for reason in curve.refused.values()],
        "hovertemplate": "not shown:<br>%{customdata[0]}<extra></extra>",
    }
    return [trace]


def _lengths_axis(curve: ComponentCurve, lengths: Sequence[int]) -> dict[str, Any]:
    return plain_axis(axis_unit(curve.group.modality)) | {
        "type": "linear",
        "range": [-0.5, len(lengths) - 0.5],
        "tickvals": list(range(len(lengths))),
        "ticktext": [f"{length:,}" for length in lengths],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }


def _axis(highest: float) -> dict[str, Any]:
    return {
        "range": [0, highest * 1.04],
        "nticks": 6,
        "gridcolor": GRID,
        "zeroline": False,
        "fixedrange": True,
    }
