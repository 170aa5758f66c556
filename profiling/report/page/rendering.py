"""`report.html`: one file that needs no network."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from profiling.analysis.points.drift import Steadiness
from profiling.report.answers.sections import chance_sentence
from profiling.report.cautions import describe_steadiness
from profiling.report.charts.component_bars import MEASURES
from profiling.report.charts.look import DARK
from profiling.report.charts.steadiness import TITLE, build_steadiness_chart
from profiling.report.material import Material
from profiling.report.page.breakdowns import closures_of
from profiling.report.page.frontiers import frontiers_of
from profiling.report.page.made_with import line_of
from profiling.report.page.parts import parts_of
from profiling.report.page.problems import find_problems
from profiling.report.page.script import pack, packed_plotly
from profiling.report.page.tables import RowTable, find_noise
from profiling.report.words import AT_MOST, CEILING, KERNELS, NO_ANSWERS, PROVEN, VERDICTS
from profiling.rows.columns import judged_columns

TEMPLATE = "page.html.j2"
INSEPARABLE = re.compile(r"\[[^\[\]]*\]|[\d.,]+ %")
QUOTED = re.compile(r"`([^`]+)`")


def render_page(material: Material, pictures: Mapping[str, bytes] | None = None) -> str:
    """Return the page, with plotly's script, all charts and all numbers inside it.

    Args:
        material: What it shows.
        pictures: PNGs by name, which stand in for the charts where plotly is not installed.
    """
    charts: list[dict[str, Any]] = []
    parts = parts_of(material, charts)
    frontiers = frontiers_of(material.frontier, material.styles.contenders, charts)
    steadiness = _steadiness(material.steadiness, charts)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"whole": whole_numbers, "coded": as_code}
    judged = judged_columns()
    row_table = RowTable.of(material.rows)
    return environment.get_template(TEMPLATE).render(
        made_with=line_of(material.made_with),
        sections=material.sections,
        metrics=list(judged),
        value_units={metric: column.unit for metric, column in judged.items()},
        verdicts=VERDICTS,
        at_most=AT_MOST,
        proven=PROVEN,
        ceiling=CEILING,
        no_answers=NO_ANSWERS,
        chance=chance_sentence(material.sections),
        kernels=KERNELS,
        colours=material.styles.variants,
        settings=list(dict.fromkeys(curve.setting.describe() for curve in material.curves)),
        num_rows=len(material.rows),
        left_out=material.left_out,
        parts=parts,
        frontiers=frontiers,
        measures=MEASURES,
        closures=closures_of(material.rows, material.components),
        cautions=material.cautions,
        steadiness=steadiness,
        noise=find_noise(material.curves),
        problems=find_problems(material.rows),
        row_columns=row_table.headings,
        row_cells=row_table.cells,
        manifest=json.dumps(dict(material.manifest), indent=2, ensure_ascii=False, default=str),
        facts=_facts(material.manifest),
        charts=pack(json.dumps(charts, allow_nan=False)),
        dark=DARK,
        plotly=packed_plotly(),
        pictures={name: _as_url(png) for name, png in (pictures or {}).items()},
    )


def whole_numbers(text: str) -> Markup:
    """Return a sentence in which no line ends within an interval or before a per cent sign."""
    return Markup(INSEPARABLE.sub(r'<span class="whole">\g<0></span>', str(escape(text))))


def as_code(text: str) -> Markup:
    """Return a sentence in which what stands in backticks is shown as code."""
    return Markup(QUOTED.sub(r"<code>\g<1></code>", str(escape(text))))


def _steadiness(steadiness: Steadiness, charts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return what the page says of the sentinel, appending its chart; None without readings."""
    if not steadiness.series:
        return None
    charts.append(build_steadiness_chart(steadiness))
    sentences = describe_steadiness(steadiness)
    return {"sentences": sentences, "title": TITLE, "chart": len(charts) - 1}


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
