"""What fits into memory: the largest batch at each length."""

from collections.abc import Mapping, Sequence
from html import escape
from math import log10
from typing import Any

from profiling.analysis.points.axes import axis_unit, row_length
from profiling.analysis.points.groups import Contender
from profiling.report.charts.inputs import Trace
from profiling.report.charts.log_ticks import log_ticks
from profiling.report.charts.look import GRID, plain_axis, plain_layout, table_of
from profiling.report.palette import Style
from profiling.rows.columns import Row

HEIGHT = 300
COLUMNS = ("variant", "length", "largest batch", "smallest that failed", "limited by")
ROOM = 1.3


def build_frontier_chart(
    searches: Sequence[Row], styles: Mapping[Contender, Style]
) -> dict[str, Any]:
    """Return `data`, `layout` and `table` of the searches of one modality and phase.

    Searches that found no batch are in the table alone.

    Args:
        searches: Rows of the frontier that searched a batch; some of them found one.
        styles: Of the contenders.
    """
    found = [row for row in searches if row["feasible"]]
    lines = _lines(found)
    unit = axis_unit(str(searches[0]["modality"]))
    values = [int(row["feasible"]) for row in found]
    lengths = sorted({length for row in found if (length := row_length(row)) is not None})
    layout = plain_layout(HEIGHT, top=14, bottom=46) | {
        "xaxis": _axis(unit, _ends(lengths), lengths),
        "yaxis": _axis("", _ends(values), log_ticks(*_ends(values), whole=True))
        | {"gridcolor": GRID, "automargin": True},
    }
    data = [_line(contender, rows, unit, styles) for contender, rows in lines.items()]
    return {"data": data, "layout": layout, "table": _numbers(_lines(searches))}


def _lines(searches: Sequence[Row]) -> dict[Contender, list[Row]]:
    """Return the searches by contender, the shortest length first."""
    lines: dict[Contender, list[Row]] = {}
    for row in sorted(searches, key=lambda row: row_length(row) or 0):
        lines.setdefault(Contender.of(row), []).append(row)
    return lines


def limit_words(row: Row) -> str:
    """Return in a few words what ended a search."""
    failed = row.get("infeasible")
    if row.get("limited_by") == "memory" and failed is not None:
        return f"{failed:,} does not fit"
    words = {"cap": "more was not tried", "time": "the time was over", "positions": "its positions"}
    return words.get(str(row.get("limited_by")), "")


def is_bound(row: Row) -> bool:
    """Tell whether memory was the limit; otherwise more may fit."""
    return row.get("limited_by") in ("memory", "positions")


def _line(
    contender: Contender, rows: Sequence[Row], unit: str, styles: Mapping[Contender, Style]
) -> Trace:
    style = styles.get(contender)
    colour, symbol = (style.colour, style.symbol) if style else ("#8a8a8a", "circle")
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": escape(contender.label),
        "x": [row_length(row) for row in rows],
        "y": [row["feasible"] for row in rows],
        "customdata": [[limit_words(row)] for row in rows],
        "line": {"color": colour, "width": 2, "dash": style.dash if style else "solid"},
        "marker": {
            "color": colour,
            "size": 8,
            "symbol": [symbol if is_bound(row) else "triangle-up-open" for row in rows],
        },
        "hovertemplate": f"<b>{escape(contender.label)}</b><br>%{{x:,}} {unit}: batch %{{y:,}}"
        "<br>%{customdata[0]}<extra></extra>",
    }


def _ends(values: Sequence[int]) -> tuple[float, float]:
    return min(values) / ROOM, max(values) * ROOM


def _axis(title: str, ends: tuple[float, float], ticks: Sequence[float]) -> dict[str, Any]:
    return plain_axis(title) | {
        "type": "log",
        "range": [log10(end) for end in ends],
        "tickvals": list(ticks),
        "ticktext": [f"{tick:,.0f}" for tick in ticks],
        "zeroline": False,
    }


def _numbers(lines: Mapping[Contender, Sequence[Row]]) -> dict[str, Any]:
    return table_of(
        COLUMNS,
        [
            [
                contender.label,
                row_length(row),
                row["feasible"],
                row["infeasible"],
                row["limited_by"],
            ]
            for contender, rows in lines.items()
            for row in rows
        ],
    )
