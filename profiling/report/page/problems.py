"""Which visits failed, ran out of memory or were skipped, and of what there is no number then."""

from collections.abc import Iterable
from dataclasses import dataclass

from profiling.analysis.points.axes import row_length
from profiling.analysis.points.groups import Contender, Setting
from profiling.analysis.points.readings import asks_for, finite
from profiling.rows.columns import Row, judged_columns

Place = tuple[str, str, Setting, Contender, int | None]
"""Modality, phase, conditions, contender and length of a point."""


@dataclass(frozen=True)
class Problem:
    """Visits of one contender that ended in the same way, for the same reason.

    Args:
        modality: Of the points.
        phase: Of them.
        setting: Their conditions, where the run has several.
        name: Of the contender.
        status: How the visits ended.
        lengths: Of the points.
        reason: Why, in the words of the rows.
        missing: The metrics of which no visit of these points has a number; empty where other
            visits have them all.
    """

    modality: str
    phase: str
    setting: str
    name: str
    status: str
    lengths: str
    reason: str
    missing: tuple[str, ...] = ()


def find_problems(rows: Iterable[Row]) -> list[Problem]:
    """Return what did not give a number, points with the same reason together.

    What a row was not asked for is not missing. Older rows do not say for what they were asked:
    metrics of which nothing at all has a number were not, unless nothing has any.
    """
    rows = list(rows)
    known: dict[Place, set[str]] = {}
    for row in rows:
        known.setdefault(_place(row), set()).update(_metrics_of(row))
    everything: set[str] = set().union(*known.values())
    judged = judged_columns().items()
    asked = {name: column for name, column in judged if name in everything or not everything}
    settings = {setting for _, _, setting, _, _ in known}
    groups: dict[tuple[str, str, str, str, str, str, tuple[str, ...]], set[int]] = {}
    for row in rows:
        if row.get("status") == "ok":
            continue
        modality, phase, setting, contender, length = place = _place(row)
        status, reason = (str(row.get(part) or "") for part in ("status", "error"))
        there = known[place]
        missing = tuple(n for n, c in asked.items() if n not in there and asks_for(row, c))
        where = setting.describe(settings)
        group = (modality, phase, where, contender.label, status, reason, missing)
        groups.setdefault(group, set()).update(() if length is None else (length,))
    return [Problem(*group[:5], _listed(lengths), *group[5:]) for group, lengths in groups.items()]


def _place(row: Row) -> Place:
    contender = Contender.of(row)
    place = str(row.get("modality")), str(row.get("phase"))
    return (*place, Setting.of(row), contender, row_length(row))


def _metrics_of(row: Row) -> list[str]:
    columns = judged_columns()
    return [m for m, column in columns.items() if finite(row.get(column.name)) is not None]


def _listed(lengths: set[int]) -> str:
    return ", ".join(f"{length:,}" for length in sorted(lengths))
