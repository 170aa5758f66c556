"""The tables of the page: noise, all rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from profiling.analysis.points.axes import axis_unit, row_length
from profiling.analysis.points.curves import Curve
from profiling.analysis.points.readings import finite
from profiling.report.rounding import measured_text
from profiling.rows.columns import Column, Row, columns_of, drawn_columns, value_of


@dataclass(frozen=True)
class Noise:
    """How far the visits of a point lie apart, as shares of their median.

    `setting` tells the conditions, where a run has several.
    """

    modality: str
    phase: str
    setting: str
    metric: str
    num_points: int
    typical: float
    worst: float
    worst_where: str


def find_noise(curves: Iterable[Curve]) -> list[Noise]:
    """Return the spread between visits per group and metric; none for single visits."""
    curves = list(curves)
    settings = {curve.setting for curve in curves}
    spreads: dict[tuple[str, str, str, str], list[tuple[float, str]]] = {}
    for curve in curves:
        for column in drawn_columns():
            for point in curve.measured(column.name):
                spread = point.values[column.name]
                if spread.num_visits < 2 or spread.low is None or spread.high is None:
                    continue
                place = f"{curve.contender.label}, {point.length:,} {axis_unit(curve.modality)}"
                share = (spread.high - spread.low) / spread.median if spread.median else 0.0
                where = curve.setting.describe(settings)
                key = (curve.modality, curve.phase, where, column.name)
                spreads.setdefault(key, []).append((share, place))
    return [
        Noise(*key, len(found), median(share for share, _ in found), *max(found))
        for key, found in spreads.items()
    ]


@dataclass(frozen=True)
class RowTable:
    """All measurements as text cells.

    Conditions without a heading have a column only where rows differ in them.
    """

    headings: Sequence[str]
    cells: Sequence[Sequence[str]]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "RowTable":
        """Make the table of all rows."""
        shown = [column for column in columns_of() if column.heading or _tells_apart(column, rows)]
        place = next((n for n, column in enumerate(shown) if column.name == "phase"), -1) + 1
        headings = [column.heading or column.name for column in shown]
        cells = [[_cell(value_of(row, column)) for column in shown] for row in rows]
        for row, line in zip(rows, cells, strict=True):
            line.insert(place, _cell(row_length(row)))
        return cls([*headings[:place], "length", *headings[place:]], cells)


def _tells_apart(column: Column, rows: Sequence[Row]) -> bool:
    if column.kind not in ("identity", "condition") or column.on_axis:
        return False
    return len({str(value_of(row, column)) for row in rows}) > 1


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    number = finite(value)
    if number is None:
        return str(value)
    return measured_text(number)
