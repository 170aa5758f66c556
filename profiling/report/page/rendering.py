"""`report.html`: one file that needs no network."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from datamodules.lengths import LengthDistribution
from profiling.analysis.curves import Curve, drawn_metrics
from profiling.analysis.drift import Steadiness
from profiling.analysis.groups import Contender, Setting, axis_unit
from profiling.analysis.readings import finite
from profiling.report.cautions import describe_steadiness
from profiling.report.charts.steadiness import TITLE, build_steadiness_chart
from profiling.report.charts.traces import ChartInput, comparison_choice
from profiling.report.charts.measured import build_chart
from profiling.report.material import Material
from profiling.report.page.tables import RowTable, find_noise, find_problems
from profiling.report.palette import Style, efficient_family
from profiling.report.table import chance_sentence, describe_comparison
from profiling.report.words import AT_MOST, KERNELS, NO_ANSWERS, PROVEN, VERDICTS
from profiling.rows.columns import PHASES, Row, judged_columns

TEMPLATE = "page.html.j2"
CHOICES = {"best_vs_best": "the best implementation of each", "like_for_like": "like for like"}


@dataclass(frozen=True)
class Share:
    """How many samples of a data set lie beyond a tipping point."""

    data: str
    phase: str
    metric: str
    efficient: str
    comparison: str
    length: float
    share: float


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
    distributions: Sequence[LengthDistribution]
    shares: Sequence[Share]


def render_page(material: Material, pictures: Mapping[str, bytes] | None = None) -> str:
    """Return the page, with plotly's script, all charts and all numbers inside it.

    Args:
        material: What it shows.
        pictures: PNGs by name, which stand in for the charts where plotly is not installed.
    """
    charts: list[dict[str, Any]] = []
    parts = _parts(material, charts)
    steadiness = _steadiness(material.steadiness, charts)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    judged = judged_columns()
    row_table = RowTable.of(material.rows)
    return environment.get_template(TEMPLATE).render(
        sections=material.sections,
        metrics=list(judged),
        value_units={metric: column.unit for metric, column in judged.items()},
        verdicts=VERDICTS,
        at_most=AT_MOST,
        proven=PROVEN.replace("`", ""),
        no_answers=NO_ANSWERS,
        chance=chance_sentence(material.sections).replace("`", ""),
        kernels=KERNELS.replace("`", ""),
        colours=material.styles.variants,
        settings=list(dict.fromkeys(curve.setting.describe() for curve in material.curves)),
        num_rows=len(material.rows),
        parts=parts,
        cautions=material.cautions,
        steadiness=steadiness,
        noise=find_noise(material.curves),
        problems=find_problems(material.rows),
        row_columns=row_table.headings,
        row_cells=row_table.cells,
        manifest=json.dumps(dict(material.manifest), indent=2, ensure_ascii=False, default=str),
        facts=_facts(material.manifest),
        charts=charts,
        plotly=_plotly_script(),
        pictures={name: _as_url(png) for name, png in (pictures or {}).items()},
    )


def _steadiness(steadiness: Steadiness, charts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return what the page says of the sentinel, appending its chart; None without readings."""
    if not steadiness.series:
        return None
    charts.append(build_steadiness_chart(steadiness))
    sentences = describe_steadiness(steadiness)
    return {"sentences": sentences, "title": TITLE, "chart": len(charts) - 1}


def _plotly_script() -> Markup | None:
    """Return what draws the charts; None where plotly is not installed."""
    # Imported here: the terminal's table needs none of its 100 ms.
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError:
        return None
    return Markup(get_plotlyjs())


def _as_url(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"


def _facts(manifest: Mapping[str, Any]) -> list[str]:
    """Return date and commit, when the manifest has them, for the line under the title."""
    places = [manifest, manifest.get("machine")]
    found = {
        name: str(place[name])
        for name in ("date", "commit")
        for place in places
        if isinstance(place, Mapping) and place.get(name)
    }
    words = {"date": found.get("date", "")[:10], "commit": f"commit {found.get('commit', '')}"}
    return [words[name] for name in found]


def _parts(material: Material, charts: list[dict[str, Any]]) -> list[ModalityPart]:
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
        distributions=distributions,
        shares=_shares(rows, distributions),
    )


def _choices(rows: Sequence[Row]) -> dict[str, str]:
    found = {comparison_choice(row) for row in rows}
    known = {choice: text for choice, text in CHOICES.items() if choice in found}
    return known | {choice: choice for choice in sorted(found - set(known))}


def _shares(rows: Sequence[Row], distributions: Sequence[LengthDistribution]) -> list[Share]:
    return [
        Share(
            data=distribution.name,
            phase=str(row["phase"]),
            metric=str(row["metric"]),
            efficient=efficient_family(row),
            comparison=describe_comparison(row),
            length=length,
            share=distribution.share_beyond(length),
        )
        for distribution in distributions
        for row in rows
        if (length := finite(row.get("tipping_point"))) is not None
    ]
