"""`report.html`: one file that needs no network; imports no torch."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from profiling.analysis.curves import (
    JUDGED,
    METRICS,
    PHASES,
    Contender,
    Curve,
    Setting,
    axis_unit,
    drawn_metrics,
    finite,
)
from profiling.analysis.length_shares import share_beyond
from profiling.report.chart_traces import ChartInput, comparison_choice
from profiling.report.charts import build_chart
from profiling.report.page_tables import ROW_COLUMNS, find_noise, find_problems, tabulate_rows
from profiling.report.palette import (
    Style,
    contender_styles,
    efficient_family,
    family_styles,
    vanilla_names,
    variant_colours,
)
from profiling.report.table import KERNELS, VERDICTS, build_sections, describe_comparison
from profiling.rows.columns import Row

TEMPLATE = "report_page.html.j2"
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
    distributions: Sequence[Row]
    shares: Sequence[Share]


@dataclass(frozen=True)
class Material:
    """What a page is made of; the pictures, PNGs by name, stand in for charts without plotly."""

    rows: Sequence[Row]
    curves: Sequence[Curve]
    tipping_points: Sequence[Row]
    manifest: Row
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def render_page(material: Material) -> str:
    """Return the page, with plotly's script, all charts and all numbers inside it."""
    charts: list[dict[str, Any]] = []
    parts = _parts(material, charts)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    vanilla = vanilla_names(material.tipping_points)
    return environment.get_template(TEMPLATE).render(
        sections=build_sections(material.tipping_points),
        metrics=list(JUDGED),
        value_units={judged: METRICS[metric] for judged, metric in JUDGED.items()},
        verdicts=VERDICTS,
        kernels=KERNELS.replace("`", ""),
        colours=variant_colours(material.curves, vanilla),
        settings=list(dict.fromkeys(curve.setting.describe() for curve in material.curves)),
        num_rows=len(material.rows),
        parts=parts,
        noise=find_noise(material.curves),
        problems=find_problems(material.rows),
        row_columns=list(ROW_COLUMNS),
        row_cells=tabulate_rows(material.rows),
        manifest=json.dumps(material.manifest, indent=2, ensure_ascii=False, default=str),
        facts=_facts(material.manifest),
        charts=charts,
        plotly=_plotly_script(),
        pictures={name: _as_url(png) for name, png in material.pictures.items()},
    )


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


def _facts(manifest: Row) -> list[str]:
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
    vanilla = vanilla_names(material.tipping_points)
    styles = contender_styles(curves, vanilla)
    families = family_styles(curves, vanilla)
    distributions = _distributions(material.manifest, modality)
    places = []
    phases = [phase for phase in PHASES if any(curve.phase == phase for curve in curves)]
    for judged, metric in drawn_metrics(curves).items():
        for phase in phases:
            chart = ChartInput(
                modality=modality,
                judged=judged,
                metric=metric,
                curves=[curve for curve in curves if curve.phase == phase],
                tipping_points=[
                    row for row in rows if (row["phase"], row["metric"]) == (phase, judged)
                ],
                distributions=distributions,
                styles=styles,
                families=families,
            )
            places.append((judged, phase, len(charts)))
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


def _distributions(manifest: Row, modality: str) -> list[Row]:
    listed = manifest.get("length_distributions") or ()
    return [item for item in listed if item.get("modality") == modality and item.get("values")]


def _shares(rows: Sequence[Row], distributions: Sequence[Row]) -> list[Share]:
    return [
        Share(
            data=str(distribution.get("name")),
            phase=str(row["phase"]),
            metric=str(row["metric"]),
            efficient=efficient_family(row),
            comparison=describe_comparison(row),
            length=length,
            share=share_beyond(distribution, length),
        )
        for distribution in distributions
        for row in rows
        if (length := finite(row.get("tipping_point"))) is not None
    ]
