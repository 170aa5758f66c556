"""What the page shows of each modality, in each setting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datamodules.lengths import LengthDistribution
from profiling.analysis.points.axes import axis_unit
from profiling.analysis.points.curves import Curve, drawn_metrics
from profiling.analysis.points.groups import Contender, Group, Setting
from profiling.analysis.points.maximum import rounding_words
from profiling.report.charts.inputs import ChartInput, comparison_choice
from profiling.report.charts.ladder import build_ladder_chart
from profiling.report.charts.measured import build_chart
from profiling.report.material import Material
from profiling.report.page.breakdowns import Breakdown, breakdowns_of
from profiling.report.page.shares import Share, shares_of
from profiling.report.palette import Style, labelled
from profiling.rows.columns import PHASES, Row, judged_columns

CHOICES = {"best_vs_best": "the best implementation of each", "like_for_like": "like for like"}


@dataclass(frozen=True)
class ModalityPart:
    """What the page shows about one modality in one setting."""

    modality: str
    setting: str
    unit: str
    contenders: Mapping[Contender, Style]
    choices: Mapping[str, str]
    phases: Sequence[str]
    charts: Sequence[tuple[str, str, int]]  # metric, phase, index into the charts
    ladders: Sequence[tuple[str, str, int]]  # metric, phase, index into the charts
    breakdowns: Sequence[Breakdown]
    distributions: Sequence[LengthDistribution]
    shares: Sequence[Share]

    def label(self, contender: Contender) -> str:
        """Return what its legend calls a contender."""
        return labelled(contender, self.modality)

    @property
    def rounding(self) -> str:
        """Return how lengths of data count in the shares; empty where they count as they are."""
        return rounding_words(self.modality)


def parts_of(material: Material, charts: list[dict[str, Any]]) -> list[ModalityPart]:
    """Return the parts in order, appending the charts they refer to."""
    groups: dict[tuple[str, Setting], list[Curve]] = {}
    for curve in material.curves:
        groups.setdefault((curve.modality, curve.setting), []).append(curve)
    settings = {setting for _, setting in groups}
    return [
        _part(material, curves, setting.describe(settings) if len(settings) > 1 else "", charts)
        for (_, setting), curves in groups.items()
    ]


def _part(
    material: Material, curves: list[Curve], name: str, charts: list[dict[str, Any]]
) -> ModalityPart:
    modality, setting = curves[0].modality, curves[0].setting
    rows = [
        row
        for row in material.tipping_points
        if row["modality"] == modality and setting.covers(row)
    ]
    drawn = {curve.contender for curve in curves}
    styles = {c: style for c, style in material.styles.contenders.items() if c in drawn}
    distributions = [data for data in material.distributions if data.modality == modality]
    components = [c for c in material.components if _is_of(c.group, modality, setting)]
    places = []
    phases = [phase for phase in PHASES if any(curve.phase == phase for curve in curves)]
    for metric, column in drawn_metrics(curves).items():
        for phase in phases:
            chart = ChartInput(
                modality=modality,
                column=column,
                curves=[curve for curve in curves if curve.phase == phase],
                tipping_points=[
                    row for row in rows if (row["phase"], row["metric"]) == (phase, metric)
                ],
                distributions=distributions,
                styles=material.styles,
            )
            places.append((metric, phase, len(charts)))
            charts.append(build_chart(chart))
    return ModalityPart(
        modality=modality,
        setting=name,
        unit=axis_unit(modality),
        contenders=styles,
        choices=_choices(rows),
        phases=phases,
        charts=places,
        ladders=_ladders(material, curves[0], phases, charts),
        breakdowns=breakdowns_of(components, charts),
        distributions=distributions,
        shares=shares_of(rows, distributions),
    )


def _ladders(
    material: Material, of: Curve, phases: Sequence[str], charts: list[dict[str, Any]]
) -> list[tuple[str, str, int]]:
    """Return metric, phase and place of every ladder, appending its chart."""
    places = []
    mine = [r for r in material.ladder if r["modality"] == of.modality and of.setting.covers(r)]
    for metric in judged_columns():
        for phase in phases:
            rungs = [row for row in mine if (row["metric"], row["phase"]) == (metric, phase)]
            if chart := build_ladder_chart(rungs, material.styles):
                places.append((metric, phase, len(charts)))
                charts.append(chart)
    return places


def _is_of(group: Group, modality: str, setting: Setting) -> bool:
    return (group.modality, group.setting) == (modality, setting)


def _choices(rows: Sequence[Row]) -> dict[str, str]:
    found = {comparison_choice(row) for row in rows}
    known = {
        choice: text + choice.removeprefix(kind)
        for kind, text in CHOICES.items()
        for choice in sorted(found)
        if choice == kind or choice.startswith(f"{kind} of ")
    }
    return known | {choice: choice for choice in sorted(found - set(known))}
