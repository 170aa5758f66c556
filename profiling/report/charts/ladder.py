"""The ladder: from where each efficient variant wins, against each vanilla kernel."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from typing import Any

from profiling.analysis.answers.tipping_points import MISSING
from profiling.analysis.answers.verdicts import WITH_VALUE, shown_value
from profiling.analysis.points.axes import axis_unit
from profiling.analysis.points.curves import spaced_lengths
from profiling.analysis.points.readings import finite
from profiling.report.answers.ladder import Ladder, ladders_of
from profiling.report.answers.verdicts import describe_verdict
from profiling.report.charts.inputs import Trace
from profiling.report.charts.look import QUIET, plain_axis, plain_layout, table_of
from profiling.report.palette import Styles, efficient_family
from profiling.rows.columns import Row

STEP, TOP, BOTTOM = 24, 8, 46  # heights in pixels: of a line, above, below
CHARACTER = 7  # pixels of one in the names of the kernels
ROOM = 1.12
COLUMNS = ("variant", "metric", "vanilla kernel", "verdict", "wins from", "low", "high")
# What has no number stands at the longest length: an arrow (not up to here), or a question.
BEYOND = {"undecided": ("circle-open", " cannot tell")}


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
    end = lengths[-1]
    data = [_mark(line, line.rung, styles, end) for line in lines if line.rung is not None]
    return {"data": data, "layout": _layout(lines, lengths, styles), "table": _numbers(rungs)}


def _lines(ladders: Sequence[Ladder]) -> Iterator[Line]:
    place = 0
    for rungs in ladders:
        family = efficient_family(rungs[0])
        for rung in (None, *rungs):
            yield Line(place, rung, family)
            place += 1


def _mark(line: Line, row: Row, styles: Styles, end: int) -> Trace:
    colour = styles.of_row(row).colour
    symbol, text, (low, value, high) = _look(row, end)
    bar = {
        "type": "data",
        "symmetric": False,
        "array": [high - value],
        "arrayminus": [value - low],
        "thickness": 1.6,
        "width": 4,
        "color": colour,
    }
    return ({"error_x": bar} if low < high else {}) | {
        "type": "scatter",
        "mode": "markers+text",
        "cliponaxis": False,
        "name": escape(line.family),
        "meta": {"family": line.family},
        "x": [value],
        "y": [line.place],
        "marker": {"symbol": symbol, "size": 10, "color": colour},
        "text": [text],
        "textposition": "middle left",
        "textfont": {"size": 11, "color": colour},
        "hovertemplate": f"{escape(line.family)} against {escape(_kernel(row))}:<br>"
        f"{escape(describe_verdict(row).text)}<extra></extra>",
    }


def _look(row: Row, end: int) -> tuple[str, str, tuple[float, float, float]]:
    """Return symbol and words, and where they stand with the ends of the interval.

    Args:
        row: A rung.
        end: The longest length of the chart, for a rung that met at none.
    """
    if not _wins(row):
        symbol, text = BEYOND.get(str(row["verdict"]), ("triangle-right-open", " not yet"))
        return symbol, text, (float(row.get("longest_measured") or end),) * 3
    value = shown_value(row)
    low, high = (finite(row.get(name)) or value for name in ("ci_low", "ci_high"))
    if row.get("at_most"):
        return "triangle-left", "", (low, value, value)
    symbol = "triangle-left" if row["verdict"] == "always" else "diamond"
    return symbol, "", (min(low, value), value, max(high, value))


def _layout(lines: Sequence[Line], lengths: Sequence[int], styles: Styles) -> dict[str, Any]:
    rungs = [line for line in lines if line.rung is not None]
    first = rungs[0].rung or {}
    inner = STEP * len(lines)
    left = 16 + CHARACTER * max(len(_kernel(line.rung or {})) for line in rungs)
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
            "ticktext": [escape(_kernel(line.rung or {})) for line in rungs],
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


def _kernel(row: Row) -> str:
    return str(row.get("vanilla_implementation") or "")


def _wins(row: Row) -> bool:
    return row["verdict"] in WITH_VALUE and finite(row.get("tipping_point")) is not None


def _compared(row: Row) -> list[int]:
    items = row.get("lengths") or ()
    return [int(item["length"]) for item in items if item["outcome"] != MISSING]


def _numbers(rungs: Sequence[Row]) -> dict[str, Any]:
    return table_of(COLUMNS, [_numbers_of(row) for row in rungs])


def _numbers_of(row: Row) -> list[Any]:
    told = [row.get(name) for name in ("metric", "vanilla_implementation", "verdict")]
    value = shown_value(row) if _wins(row) else None
    return [efficient_family(row), *told, value, row.get("ci_low"), row.get("ci_high")]
