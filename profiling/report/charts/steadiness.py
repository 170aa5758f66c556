"""The chart of the sentinel: how steady the machine was while a sweep measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import log10
from statistics import median
from typing import Any

from profiling.analysis.points.drift import Steadiness
from profiling.analysis.points.readings import finite
from profiling.report.cautions import name_point
from profiling.report.charts.log_ticks import log_ticks
from profiling.report.charts.look import GRID, plain_axis, plain_layout, table_of
from profiling.report.palette import COLOURS, VANILLA_COLOUR
from profiling.rows.columns import Row

# A sweep that goes on after so long was stopped in between: the line has a gap there.
PAUSE_S = 3600.0
HEIGHT = 230
AXIS = "readings, in their order"
TITLE = "latency relative to its median"


@dataclass(frozen=True)
class Mark:
    """One reading in the chart."""

    number: int
    ratio: float
    disturbed: bool
    words: str


def marks_of(series: Sequence[Row]) -> list[Mark | None]:
    """Return the readings of one sentinel, numbered from 1; None where the sweep was stopped.

    The number is the place on the axis, because a sweep may be stopped for hours or days. The
    ratio is to the median of the undisturbed readings, where there are any.
    """
    calm = [row for row in series if not row.get("disturbed")]
    middle = median(float(row["latency_ms"]) for row in calm or series)
    marks: list[Mark | None] = []
    for number, row in enumerate(series, start=1):
        if number > 1 and _seconds_between(series[number - 2], row) > PAUSE_S:
            marks.append(None)
        ratio = float(row["latency_ms"]) / middle
        marks.append(Mark(number, ratio, _is_disturbed(row), _words(row)))
    return marks


def colour_of(place: int) -> str:
    """Return the colour of a sentinel: grey like a vanilla variant, further ones are told apart."""
    return VANILLA_COLOUR if place == 0 else COLOURS[(place - 1) % len(COLOURS)]


def build_steadiness_chart(steadiness: Steadiness) -> dict[str, Any]:
    """Return `data` and `layout` for plotly's script, and the readings as a table."""
    data = [_trace(series, place) for place, series in enumerate(steadiness.series)]
    ratios = [value for trace in data for value in trace["y"] if value is not None]
    longest = max((len(series) for series in steadiness.series), default=1)
    layout = {
        **plain_layout(HEIGHT, top=12, bottom=46),
        "xaxis": _number_axis(longest),
        "yaxis": _ratio_axis(ratios),
    }
    return {"data": data, "layout": layout, "table": _numbers(steadiness)}


def _numbers(steadiness: Steadiness) -> dict[str, Any]:
    columns = ("sentinel", "reading", "at", "latency_ms", "disturbed")
    return table_of(
        columns,
        [
            (
                name_point(row),
                number,
                row.get("at"),
                finite(row["latency_ms"]),
                _is_disturbed(row),
            )
            for series in steadiness.series
            for number, row in enumerate(series, start=1)
        ],
    )


def _is_disturbed(row: Row) -> bool:
    return bool(row.get("disturbed"))


def _trace(series: Sequence[Row], place: int) -> dict[str, Any]:
    marks = marks_of(series)
    colour = colour_of(place)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": escape(name_point(series[0])),
        "x": [mark and mark.number for mark in marks],
        "y": [mark and mark.ratio for mark in marks],
        "line": {"color": colour, "width": 1.5},
        "marker": {
            "color": colour,
            "size": 7,
            "symbol": ["circle-open" if mark and mark.disturbed else "circle" for mark in marks],
        },
        "customdata": [[mark.words if mark else ""] for mark in marks],
        "hovertemplate": "%{y:.3f} of the median<br>%{customdata[0]}",
    }


def _number_axis(longest: int) -> dict[str, Any]:
    return plain_axis(AXIS) | {
        "range": [0.5, longest + 0.5],
        "tickformat": ",d",
        "dtick": 1 if longest <= 12 else None,
        "nticks": 12,
        "zeroline": False,
    }


def _ratio_axis(ratios: Sequence[float]) -> dict[str, Any]:
    low, high = ends_of(ratios)
    ticks = log_ticks(low, high)
    return {
        "type": "log",
        "range": [log10(low), log10(high)],
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
        "gridcolor": GRID,
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
    }


def ends_of(ratios: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the axis of ratios, wide enough that a steady machine looks steady."""
    low, high = min([0.9, *ratios]), max([1.1, *ratios])
    room = (high / low) ** 0.08  # for a whole mark beyond the last one
    return low / room, high * room


def _words(row: Row) -> str:
    mhz, share = finite(row.get("cpu_mhz")), finite(row.get("others_cpu_share"))
    at = _moment(row)
    parts = [
        f"{float(row['latency_ms']):,.4g} ms",
        "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC",
        "" if share is None else f"others took {100 * share:.0f} % of the CPU time",
        "disturbed" if row.get("disturbed") else "",
        "" if mhz is None else f"{mhz:,.0f} MHz",
    ]
    return "<br>".join([escape(name_point(row)), *filter(None, parts)])


def _moment(row: Row) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(row.get("at")))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _seconds_between(first: Row, second: Row) -> float:
    one, two = _moment(first), _moment(second)
    return 0.0 if one is None or two is None else (two - one).total_seconds()
