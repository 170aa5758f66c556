import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from profiling.analysis.points.curves import build_curves
from profiling.report.charts.look import DARK, PAPER
from profiling.report.material import Material
from profiling.report.page.rendering import render_page
from profiling.report.palette import Styles
from tests.samples.browser import BROWSER, NEEDED, open_page, told_by, told_in, with_script
from tests.samples.rows.components import with_components
from tests.samples.rows.frontier import search
from tests.samples.rows.run import (
    COSTS,
    charts_of,
    page_of,
    sample_report,
    sample_rows,
    sample_tipping_points,
)
from tests.samples.rows.sentinels import readings_of

pytestmark = pytest.mark.skipif(BROWSER is None, reason=NEEDED)

READINGS = readings_of([4.0, 4.1, 4.2, 4.1], disturbed={2}, minutes=[0, 1, 300, 301])
# By Chromium's numbers for what a reader's system prefers.
DARK_SYSTEM, LIGHT_SYSTEM = (f"--blink-settings=preferredColorScheme={number}" for number in (0, 1))
# Tells the colours of the paper, what is shown of components, and then the file of the first chart.
TELLING = """
  const paper = () => document.querySelector(".chart").layout.paper_bgcolor;
  const told = { papers: [paper()], components: [] };
  for (const moment of ["beforeprint", "afterprint"]) {
    window.dispatchEvent(new Event(moment));
    told.papers.push(paper());
  }

  const place = document.querySelector(".breakdowns .chart");
  const shown = () => place.data.filter((trace) => trace.visible).map((t) => t.meta.measure);
  const tellComponents = () => told.components.push([
    [...new Set(shown())], [place.layout.yaxis.visible, place.layout.yaxis2.visible],
  ]);
  tellComponents();
  const choice = document.querySelector("select.measure");
  choice.value = "ms";
  choice.dispatchEvent(new Event("change", { bubbles: true }));
  tellComponents();
  document.querySelector('.chip[data-contender="vit eager"]').click();
  told.components.push(place.closest("figure").hidden);

  URL.createObjectURL = (blob) => {
    blob.text().then((text) => {
      document.body.setAttribute("data-told", JSON.stringify({ ...told, csv: text }));
    });
    return "blob:none";
  };
  HTMLAnchorElement.prototype.click = () => {};
  document.querySelector(".download").click();
"""


def labels_in(section: str) -> set[str]:
    texts = re.findall(r'<g class="textpoint".*?</g>', section, re.DOTALL)
    return {re.sub(r"<[^>]*>|\s", "", text) for text in texts} - {"oom", ""}


def drawn_rows(comparison: str) -> list[dict]:
    return [
        row
        for row in sample_tipping_points()
        if (row["modality"], row["comparison"]) == ("text", comparison)
        and row["verdict"] in {"crosses", "several"}
    ]


def label(row: dict) -> str:
    return f"≤{row['ci_high']:,.0f}" if row["at_most"] else f"{row['tipping_point']:,.0f}"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    return open_page(sample_report() / "report.html", tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a page of one modality, with components: a browser draws it much sooner."""
    rows = with_components(row for row in sample_rows() if row["modality"] == "vision")
    text = page_of(rows, sample_tipping_points(rows), {}, READINGS)
    return with_script(text, tmp_path_factory.mktemp("page") / "page.html", TELLING)


@pytest.fixture(scope="module")
def dark(page: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """Return that page's elements where the system is dark, and what its script told."""
    elements, console = open_page(page, tmp_path_factory.mktemp("profile"), DARK_SYSTEM)
    assert console == []
    return elements, json.loads(told_in(elements))


def sections_of(elements: str) -> list[str]:
    parts = elements.split('<section class="modality"')[1:]
    return [part.split("</section>")[0] for part in parts]


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[start : start + 2], 16)) for start in (1, 3, 5))})"


def curves_in(section: str) -> list[str]:
    return re.findall(r'<path class="js-line"[^>]*>', section)


def test_the_page_draws_every_variant_without_network_or_console_errors(
    opened: tuple[str, list[str]],
) -> None:
    elements, console = opened
    assert console == []
    styles = Styles.of(build_curves(sample_rows()), sample_tipping_points()).contenders
    sections = sections_of(elements)
    assert len(sections) == 3
    for section, contenders in zip(sections, COSTS.values(), strict=True):
        assert section.count("js-plotly-plot") == 6  # three metrics, two phases
        for chart in section.split("js-plotly-plot")[1:]:
            curves = curves_in(chart)
            assert len(curves) >= len(contenders)
            for contender, style in styles.items():
                if contender.variant in {name for name, _, _ in contenders}:
                    assert any(rgb(style.colour) in curve for curve in curves), contender.label


def test_the_page_draws_the_readings_of_the_sentinel_with_a_gap(
    dark: tuple[str, dict[str, Any]],
) -> None:
    section = dark[0].split('<section id="steadiness"')[1].split("</section>")[0]
    assert section.count("js-plotly-plot") == 1
    assert len(curves_in(section)) == 2  # before the gap and after it
    assert len(re.findall(r'<path class="point', section)) == len(READINGS)


def test_the_browser_tells_of_errors_when_there_are_any(tmp_path: Path) -> None:
    page = tmp_path / "broken.html"
    page.write_text("<script>missing()</script><script src='https://example.org/x.js'></script>")
    _, console = open_page(page, tmp_path / "profile")
    assert any("missing is not defined" in line for line in console)


def test_buttons_hide_curves_and_the_selector_changes_the_comparison(
    opened: tuple[str, list[str]], tmp_path: Path
) -> None:
    click = """
      document.querySelector('.chip[data-contender="bert sdpa"]').click();
      const choice = document.querySelector("select.comparison");
      choice.value = "like_for_like";
      choice.dispatchEvent(new Event("change", { bubbles: true }));
    """
    text = (sample_report() / "report.html").read_text()
    page = with_script(text, tmp_path / "clicked.html", click)
    after, console = open_page(page, tmp_path / "profile")
    assert console == []
    first, second = sections_of(opened[0])[0], sections_of(after)[0]
    vanilla = rgb("#3d3d3d")
    dark = [sum(vanilla in curve for curve in curves_in(part)) for part in (first, second)]
    assert dark == [12, 6]  # eager and sdpa in six charts, then eager alone
    for part, comparison in ((first, "best_vs_best"), (second, "like_for_like")):
        assert labels_in(part) == {label(row) for row in drawn_rows(comparison)}


def test_the_data_of_a_chart_are_made_into_a_csv_file_in_the_page(
    page: Path, dark: tuple[str, dict[str, Any]]
) -> None:
    lines = list(csv.DictReader(dark[1]["csv"].splitlines()))
    (table,) = [chart["table"] for chart in charts_of(page.read_text())[:1]]
    assert len(lines) == len(table["rows"])
    assert list(lines[0]) == table["columns"]
    assert float(lines[0]["value"]) == table["rows"][0][4]


def test_components_are_shown_as_shares_or_as_milliseconds(
    dark: tuple[str, dict[str, Any]],
) -> None:
    shares, milliseconds, is_hidden = dark[1]["components"]
    assert shares == [["share"], [True, False]]
    assert milliseconds == [["ms"], [False, True]]
    assert is_hidden


def test_charts_are_dark_where_the_system_is_and_light_on_paper(
    page: Path, dark: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    assert dark[1]["papers"] == [DARK[PAPER], PAPER, DARK[PAPER]]
    light = json.loads(told_by(page, tmp_path / "profile", LIGHT_SYSTEM))
    assert light["papers"] == [PAPER, PAPER, PAPER]


def test_every_chart_of_the_page_is_drawn_those_of_the_frontier_too(tmp_path: Path) -> None:
    rows = [row for row in sample_rows() if row["modality"] == "text"]
    searches = [search(128, 240), search(512, 60)]
    page = tmp_path / "report.html"
    page.write_text(render_page(Material.of(rows, [], [], {}, readings_of([4.0, 4.1]), searches)))
    elements, console = open_page(page, tmp_path / "profile")
    assert console == []
    assert 'class="frontier"' in elements
    places = re.findall(r'<div class="chart[^"]*"', elements)
    assert places
    assert all("js-plotly-plot" in place for place in places)
