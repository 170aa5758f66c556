"""From measurement rows to curves over the axis of a modality."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from profiling.analysis.points.groups import Contender, Setting, group_rows, rank
from profiling.analysis.points.readings import Efforts, Reading, finite, read_column
from profiling.rows.columns import Column, Row, drawn_columns, judged_columns


@dataclass(frozen=True)
class Spread:
    """One column at one length over the visits.

    `low` and `high` span the visits or, with a single visit, its p10 to p90; null without either.
    Visits that neighbours disturbed are left out of all of them, unless `disturbed`: then too few
    others were left.
    """

    median: float
    low: float | None
    high: float | None
    num_visits: int
    num_disturbed: int = 0
    disturbed: bool = False


@dataclass(frozen=True)
class CurvePoint:
    """What is known at one length: a value per drawn column, or why there is none."""

    length: int
    values: Mapping[str, Spread]
    readings: Mapping[str, Reading]


@dataclass(frozen=True)
class Curve:
    """The points of one contender in one phase and setting, shortest first."""

    modality: str
    phase: str
    setting: Setting
    contender: Contender
    points: tuple[CurvePoint, ...]

    def measured(self, column: str) -> list[CurvePoint]:
        """Return the points that have a value of the column."""
        return [point for point in self.points if column in point.values]

    def out_of_memory(self, column: str) -> list[CurvePoint]:
        """Return the points where memory ran out before the column could be measured."""
        return [point for point in self.points if point.readings[column].status == "oom"]


def build_curves(rows: Iterable[Row]) -> list[Curve]:
    """Return all curves, in the order of modality, phase and first appearance."""
    rows = list(rows)
    efforts = Efforts(rows)
    curves = [
        Curve(
            group.modality,
            group.phase,
            group.setting,
            contender,
            tuple(_point(length, points[length], efforts) for length in sorted(points)),
        )
        for group, contenders in group_rows(rows).items()
        for contender, points in contenders.items()
    ]
    return sorted(curves, key=lambda curve: (rank(curve.modality), rank(curve.phase)))


def drawn_metrics(curves: Sequence[Curve]) -> dict[str, Column]:
    """Return the judged metrics that have charts: what was not asked for would be empty ones."""
    judged = judged_columns()
    return {
        metric: column
        for metric, column in judged.items()
        if any(curve.measured(column.name) or curve.out_of_memory(column.name) for curve in curves)
    } or judged


def spaced_lengths(lengths: Iterable[int]) -> list[int]:
    """Return those lengths that have room for a label on a log axis, the longest first of all."""
    ordered = sorted(set(lengths), reverse=True)
    if not ordered:
        return []
    gap = max((ordered[0] / ordered[-1]) ** (1 / 8), 1.15)
    kept = [ordered[0]]
    for length in ordered:
        if kept[-1] / length >= gap:
            kept.append(length)
    return kept[::-1]


def _point(length: int, visits: list[Row], efforts: Efforts) -> CurvePoint:
    readings, values = {}, {}
    for column in drawn_columns():
        chosen = efforts.newest(visits, column)
        readings[column.name] = reading = read_column(chosen, column)
        if reading.status == "ok":
            values[column.name] = _spread(column.name, reading, chosen)
    return CurvePoint(length, values, readings)


def _spread(name: str, reading: Reading, visits: Sequence[Row]) -> Spread:
    values = list(reading.values.values())
    if len(values) > 1:
        ends = min(values), max(values)
        return Spread(median(values), *ends, len(values), *_disturbance(reading))
    (visit,) = reading.values
    row = next(row for row in visits if row.get("visit", 0) == visit)
    low, high = (finite(row.get(f"{name}_{quantile}")) for quantile in ("p10", "p90"))
    return Spread(values[0], low, high, 1, *_disturbance(reading))


def _disturbance(reading: Reading) -> tuple[int, bool]:
    return reading.num_disturbed, reading.disturbed
