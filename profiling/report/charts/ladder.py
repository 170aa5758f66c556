"""The ladder: from where each efficient variant wins, against each vanilla kernel."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from textwrap import wrap
from typing import Any

from profiling.analysis.answers.tipping_points import MISSING
from profiling.analysis.answers.verdicts import shown_value
from profiling.analysis.points.axes import axis_unit
from profiling.analysis.points.curves import spaced_lengths
from profiling.report.answers.ladder import Ladder, ladders_of
from profiling.report.charts.ladder_marks import has_number, kernel_of, rung_trace
from profiling.report.charts.look import INK, QUIET, plain_axis, plain_layout, table_of
from profiling.report.palette import Styles, efficient_family, vanilla_family
from profiling.report.vanilla_models import vanilla_told
from profiling.rows.columns import Row

STEP, TOP, BOTTOM = 24, 8, 46  # heights in pixels: of a line, above, below
CHARACTER, EDGE = 7, 4  # pixels of one in the names of the kernels, and left of the variants
LETTERS = 38  # of a variant in one line
ROOM = 1.12
COLUMNS = (
    "variant",
    "metric",
    "vanilla variant",
    "vanilla kernel",
    "verdict",
    "wins from",
    "low",
    "high",
)


@dataclass(frozen=True)
class Line:
    """One line of the chart: of the name of a variant, or one of its rungs below it.

    Args:
        place: Counted from above.
        row: The rung; for a name one of its variant.
        name: In HTML, where it is a line of a name.
    """

    place: int
    row: Row
    name: str = ""


def build_ladder_chart(rows: Iterable[Row], styles: Styles) -> dict[str, Any] | None:
    """Return `data`, `layout` and `table`; None without several kernels, or any compared length.

    Args:
        rows: Rungs of one modality, phase, setting and metric.
        styles: Of the whole report.
    """
    ladders = ladders_of(rows)
    lines = _lines(ladders)
    rungs = [line.row for line in lines if not line.name]
    lengths = sorted({length for row in rungs for length in _compared(row)})
    if not lengths:
        return None
    data = [
        rung_trace(line.row, line.place, styles.of_row(line.row).colour, lengths)
        for line in lines
        if not line.name
    ]
    return {"data": data, "layout": _layout(lines, lengths), "table": _numbers(rungs)}


def _lines(ladders: Sequence[Ladder]) -> list[Line]:
    found: list[tuple[Row, str]] = []
    for rungs in ladders:
        found += [(rungs[0], name) for name in _names(rungs[0])]
        found += [(row, "") for row in rungs]
    return [Line(place, row, name) for place, (row, name) in enumerate(found)]


def _names(row: Row) -> list[str]:
    """Return the lines that name a variant, none too long for a phone.

    Those of the vanilla one follow where its kernels would not tell whose they are.
    """
    *first, last = (f"<b>{escape(part)}</b>" for part in wrap(efficient_family(row), LETTERS))
    vanilla = map(escape, wrap(vanilla_told(row, ""), LETTERS))
    return [*first, f"{last} against", *vanilla]


def _layout(lines: Sequence[Line], lengths: Sequence[int]) -> dict[str, Any]:
    rungs = [line for line in lines if not line.name]
    inner = STEP * len(lines)
    left = 16 + CHARACTER * max(len(kernel_of(line.row)) for line in rungs)
    ticks = spaced_lengths(lengths)
    return plain_layout(inner + TOP + BOTTOM, TOP, BOTTOM, left) | {
        "xaxis": plain_axis(axis_unit(str(rungs[0].row["modality"])))
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
            "ticktext": [escape(kernel_of(line.row)) for line in rungs],
            "tickfont": {"color": QUIET},
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "annotations": [_heading(line, left) for line in lines if line.name],
    }


def _heading(line: Line, left: int) -> dict[str, Any]:
    return {
        "text": line.name,
        "xref": "paper",
        "yref": "y",
        "x": 0,
        "xshift": EDGE - left,
        "y": line.place,
        "xanchor": "left",
        "yanchor": "middle",
        "showarrow": False,
        "font": {"size": 12, "color": INK},
    }


def _compared(row: Row) -> list[int]:
    items = row.get("lengths") or ()
    return [int(item["length"]) for item in items if item["outcome"] != MISSING]


def _numbers(rungs: Sequence[Row]) -> dict[str, Any]:
    return table_of(COLUMNS, [_numbers_of(row) for row in rungs])


def _numbers_of(row: Row) -> list[Any]:
    kernel, verdict = row.get("vanilla_implementation"), row.get("verdict")
    names = [efficient_family(row), row.get("metric"), vanilla_family(row), kernel]
    value = shown_value(row) if has_number(row) else None
    return [*names, verdict, value, row.get("ci_low"), row.get("ci_high")]
