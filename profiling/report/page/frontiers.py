"""What the page shows of the frontier: largest batches, longest inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from profiling.analysis.points.axes import axis_unit, row_length, search_on_axis_of_sweep
from profiling.analysis.points.groups import Contender, Setting
from profiling.report.answers.verdicts import listed
from profiling.report.charts.frontier import build_frontier_chart, is_bound, limit_words
from profiling.report.palette import Style
from profiling.rows.columns import PHASES, Row

BATCH = "batch_size"


@dataclass(frozen=True)
class Frontier:
    """What fits of one modality under the same conditions.

    Args:
        modality: Its name.
        setting: The conditions in words.
        unit: Of its lengths.
        phases: That were searched.
        charts: Phase and index into the charts, of the largest batches.
        longest: By contender and phase the longest input at batch 1, in words.
        without_batch: Where no batch was found, in a sentence per contender and phase.
        problems: Searches that failed, and why.
    """

    modality: str
    setting: str
    unit: str
    phases: Sequence[str]
    charts: Sequence[tuple[str, int]]
    longest: Mapping[str, Mapping[str, str]]
    without_batch: Sequence[str]
    problems: Sequence[str]


def frontiers_of(
    rows: Sequence[Row], styles: Mapping[Contender, Style], charts: list[dict[str, Any]]
) -> list[Frontier]:
    """Return the frontiers in order of appearance, appending their charts; none without rows."""
    groups: dict[tuple[str, Setting], list[Row]] = {}
    for row in map(search_on_axis_of_sweep, rows):
        groups.setdefault((str(row["modality"]), Setting.of(row)), []).append(row)
    return [
        _frontier(modality, setting, members, styles, charts)
        for (modality, setting), members in groups.items()
    ]


def _frontier(
    modality: str,
    setting: Setting,
    rows: Sequence[Row],
    styles: Mapping[Contender, Style],
    charts: list[dict[str, Any]],
) -> Frontier:
    phases = [phase for phase in PHASES if any(row["phase"] == phase for row in rows)]
    batches = [
        row
        for row in rows
        if row["searched"] == BATCH and row["status"] == "ok" and row_length(row)
    ]
    places = []
    for phase in phases:
        found = [row for row in batches if row["phase"] == phase]
        if any(row.get("feasible") for row in found):
            places.append((phase, len(charts)))
            charts.append(build_frontier_chart(found, styles))
    return Frontier(
        modality,
        setting.describe(),
        axis_unit(modality),
        phases,
        places,
        _longest(rows),
        _without_batch(batches),
        [_problem(row) for row in rows if row["status"] == "error"],
    )


def _longest(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["searched"] != BATCH:
            label = Contender.of(row).label
            found.setdefault(label, {})[str(row["phase"])] = _words(row)
    return found


def _without_batch(rows: Sequence[Row]) -> list[str]:
    """Return where not even a batch of 1 fits, or where nobody knows whether it does."""
    lengths: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row.get("feasible") is None:
            outcome = "does not fit" if is_bound(row) else "was not tried to the end"
            place = Contender.of(row).label, str(row["phase"]), outcome
            lengths.setdefault(place, []).append(f"{row_length(row):,}")
    unit = axis_unit(str(rows[0]["modality"])) if rows else ""
    return [
        f"{name}, {phase}: a batch of 1 {outcome} at {listed(found)} {unit}."
        for (name, phase, outcome), found in lengths.items()
    ]


def _words(row: Row) -> str:
    if row.get("feasible") is None:
        known = row["status"] == "ok" and is_bound(row)
        limit = limit_words(row)
        return ("none" if known else "unknown") + (f" ({limit})" if limit else "")
    sign = "" if is_bound(row) else "at least "
    limit = limit_words(row)
    return f"{sign}{row['feasible']:,}" + (f" ({limit})" if limit else "")


def _problem(row: Row) -> str:
    what = "largest batch" if row["searched"] == BATCH else "longest input"
    return f"{Contender.of(row).label}, {row['phase']}, {what}: {row.get('error')}"
