"""The ladder: from where each efficient variant wins, against each vanilla kernel."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from typing import Any

from profiling.analysis.answers.tipping_points import MISSING
from profiling.analysis.answers.verdicts import shown_value
from profiling.analysis.points.axes import axis_unit
from profiling.analysis.points.curves import spaced_lengths
from profiling.report.answers.ladder import Ladder, ladders_of
from profiling.report.charts.ladder_marks import has_number, kernel_of, rung_trace
from profiling.report.charts.look import QUIET, plain_axis, plain_layout, table_of
from profiling.report.palette import Styles, efficient_family
from profiling.rows.columns import Row

STEP, TOP, BOTTOM = 24, 8, 46  # heights in pixels: of a line, above, below
CHARACTER = 7  # pixels of one in the names of the kernels
ROOM = 1.12
COLUMNS = ("variant", "metric", "vanilla kernel", "verdict", "wins from", "low", "high")


@dataclass(frozen=True)
class Line:
    """One line of the chart: the name of a variant, or one of its rungs below it."""

    place: int
    rung: Row | None
    family: str


def build_ladder_chart(rows: Iterable[Row], styles: Styles) -> dict[str, Any] | None:
    """Return `data`, `layout` and `table`; None without several kernels, or any compared length.

    Args:
        rows: Rungs of one modality, phase, setting and metric.
        styles: Of the whole report.
    """
    ladders = ladders_of(rows)
    lines = list(_lines(ladders))
    rungs = [line.rung for line in lines if line.rung is not None]
    lengths = sorted({length for row in rungs for length in _compared(row)})
    if not lengths:
        return None
    data = [
        rung_trace(line.rung, line.family, line.place, styles.of_row(line.rung).colour, lengths)
        for line in lines
        if line.rung is not None
    ]
    return {"data": data, "layout": _layout(lines, lengths, styles), "table": _numbers(rungs)}


def _lines(ladders: Sequence[Ladder]) -> Iterator[Line]:
    place = 0
    for rungs in ladders:
        family = efficient_family(rungs[0])
        for rung in (None, *rungs):
            yield Line(place, rung, family)
            place += 1


def _layout(lines: Sequence[Line], lengths: Sequence[int], styles: Styles) -> dict[str, Any]:
    rungs = [line for line in lines if line.rung is not None]
    first = rungs[0].rung or {}
    inner = STEP * len(lines)
    left = 16 + CHARACTER * max(len(kernel_of(line.rung or {})) for line in rungs)
    ticks = spaced_lengths(lengths)
    return plain_layout(inner + TOP + BOTTOM, TOP, BOTTOM, left) | {
        "xaxis": plain_axis(axis_unit(str(first["modality"])))
        | {
            "type": "log",
            "range": [log10(min(lengths) / ROOM), log10(max(lengths) * ROOM)],
            "tickvals": ticks,
            "ticktext": [f"{tick:,}" for tick in ticks],
            "fixedrange": True,
        },
        "yaxis": {
            "range": [len(lines) - 0.5, -0.5],
            "tickvals": [line.place for line in rungs],
            "ticktext": [escape(kernel_of(line.rung or {})) for line in rungs],
            "tickfont": {"color": QUIET},
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "annotations": [_heading(line, lines, styles) for line in lines if line.rung is None],
    }


def _heading(line: Line, lines: Sequence[Line], styles: Styles) -> dict[str, Any]:
    row = next(each.rung for each in lines if each.rung and each.family == line.family)
    return {
        "text": f"<b>{escape(line.family)}</b> against",
        "xref": "paper",
        "yref": "y",
        "x": 0,
        "y": line.place,
        "xanchor": "left",
        "yanchor": "middle",
        "showarrow": False,
        "font": {"size": 12, "color": styles.of_row(row).colour},
    }


def _compared(row: Row) -> list[int]:
    items = row.get("lengths") or ()
    return [int(item["length"]) for item in items if item["outcome"] != MISSING]


def _numbers(rungs: Sequence[Row]) -> dict[str, Any]:
    return table_of(COLUMNS, [_numbers_of(row) for row in rungs])


def _numbers_of(row: Row) -> list[Any]:
    told = [row.get(name) for name in ("metric", "vanilla_implementation", "verdict")]
    value = shown_value(row) if has_number(row) else None
    return [efficient_family(row), *told, value, row.get("ci_low"), row.get("ci_high")]
