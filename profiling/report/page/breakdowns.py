"""What the page shows of components: charts per phase, their legend, whether they add up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import Any

from profiling.analysis.points.components import ComponentCurve, broken_down
from profiling.analysis.points.groups import Contender, Group, group_rows
from profiling.analysis.points.readings import finite
from profiling.report.charts.component_bars import highest_bars, pieces_of
from profiling.report.charts.component_looks import ComponentLook, in_order, look_of
from profiling.report.charts.components import build_component_chart
from profiling.rows.columns import Row


@dataclass(frozen=True)
class Panel:
    """One small chart: of whom, and its place among the charts."""

    contender: Contender
    chart: int


@dataclass(frozen=True)
class Breakdown:
    """The charts of one phase, with what their colours mean."""

    phase: str
    panels: Sequence[Panel]
    legend: Mapping[str, ComponentLook]


@dataclass(frozen=True)
class Closure:
    """How well the components of one contender add up to its step.

    Args:
        modality: Of what was broken down.
        phase: Of it.
        setting: Its conditions, where the run has several.
        name: Of the contender.
        shown: By length the sum over the step, where components are shown.
        refused: By length why they are not.
    """

    modality: str
    phase: str
    setting: str
    name: str
    shown: Mapping[int, float]
    refused: Mapping[int, str]

    @property
    def words(self) -> str:
        """Return the sums in a few characters; none where nothing was shown."""
        if not self.shown:
            return ""
        low, high = min(self.shown.values()), max(self.shown.values())
        return f"{low:.0%}" if f"{low:.0%}" == f"{high:.0%}" else f"{low:.0%} to {high:.0%}"

    @property
    def reasons(self) -> list[str]:
        """Return where components are not shown, and why."""
        return [f"at {length:,} {reason}" for length, reason in self.refused.items()]


def breakdowns_of(
    curves: Iterable[ComponentCurve], charts: list[dict[str, Any]]
) -> list[Breakdown]:
    """Return a breakdown per phase, appending its charts; none without components.

    Args:
        curves: Of one modality and setting, in the order of phases.
        charts: All charts of the page.
    """
    phases = groupby(curves, key=lambda curve: curve.group.phase)
    return [_breakdown(phase, list(members), charts) for phase, members in phases]


def _breakdown(
    phase: str, curves: Sequence[ComponentCurve], charts: list[dict[str, Any]]
) -> Breakdown:
    highest = highest_bars(curves)
    panels = []
    for curve in curves:
        panels.append(Panel(curve.contender, len(charts)))
        charts.append(build_component_chart(curve, highest))
    drawn = {piece.component for curve in curves for piece in pieces_of(curve)}
    return Breakdown(phase, panels, {name: look_of(name) for name in in_order(drawn)})


def closures_of(rows: Iterable[Row], curves: Iterable[ComponentCurve]) -> list[Closure]:
    """Return how well components add up, in the order of the curves."""
    curves, sums = list(curves), _sums(rows)
    settings = {curve.group.setting for curve in curves}
    return [
        Closure(
            curve.group.modality,
            curve.group.phase,
            curve.group.setting.describe(settings),
            curve.contender.label,
            {
                length: total
                for length, total in sums.get((curve.group, curve.contender), {}).items()
                if length in curve.points
            },
            curve.refused,
        )
        for curve in curves
    ]


def _sums(rows: Iterable[Row]) -> dict[tuple[Group, Contender], dict[int, float]]:
    return {
        (group, contender): {
            length: median(totals)
            for length, visits in points.items()
            if (totals := _totals(visits))
        }
        for group, contenders in group_rows(rows).items()
        for contender, points in contenders.items()
    }


def _totals(visits: Sequence[Row]) -> list[float]:
    """Return what the components of each visit that are shown add up to, over its step."""
    found = (finite(row.get("components_closure")) for row in broken_down(visits))
    return [total for total in found if total is not None]
