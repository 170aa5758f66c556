"""What the page is as a file: small, complete, readable in the dark."""

import json
import re
from typing import Any

from profiling.report.charts.component_looks import LOOKS
from profiling.report.charts.look import DARK
from profiling.report.charts.ratios import OUTCOMES
from profiling.report.palette import COLOURS, VANILLA_COLOURS
from tests.samples.contrast import contrast
from tests.samples.rows.components import with_components
from tests.samples.rows.run import (
    charts_of,
    page_of,
    sample_manifest,
    sample_report,
    sample_rows,
    sample_tipping_points,
)

LARGEST = 3_000_000


def charts() -> list[dict[str, Any]]:
    return charts_of((sample_report() / "report.html").read_text())


def test_a_page_with_all_charts_is_smaller_than_3_mb() -> None:
    rows = with_components(sample_rows())
    page = page_of(rows, sample_tipping_points(rows), sample_manifest())
    assert len(page.encode()) < LARGEST


def test_the_same_rows_make_the_same_page() -> None:
    rows = [row for row in sample_rows() if row["modality"] == "vision"]
    points = sample_tipping_points(rows)
    first, second = (page_of(rows, points, {}) for _ in range(2))
    assert first == second


def test_every_chart_has_its_numbers_as_a_table() -> None:
    for chart in charts():
        columns, rows = chart["table"]["columns"], chart["table"]["rows"]
        assert rows
        assert all(len(row) == len(columns) for row in rows)


def test_the_table_of_a_chart_holds_what_is_drawn() -> None:
    chart = charts()[0]
    curve = next(t for t in chart["data"] if t["name"] == "bert sdpa" and "error_y" in t)
    told = [row for row in chart["table"]["rows"] if row[:3] == ["latency_ms", "", "bert sdpa"]]
    assert [row[3] for row in told] == curve["x"]
    assert [row[4] for row in told] == curve["y"]
    panels = {row[0] for row in chart["table"]["rows"]}
    assert panels == {"latency_ms", "ratio to vanilla", "share of samples"}


def test_a_page_without_its_charts_says_where_their_numbers_are() -> None:
    page = " ".join((sample_report() / "report.html").read_text().split())
    assert page.count("ratios with their intervals in <code>tipping_points.json</code>") == 2
    assert "html:not(.drawn) .download { display: none; }" in page
    assert "all numbers stand" not in page.lower()


def test_every_colour_of_a_chart_has_one_for_the_dark() -> None:
    used = set(re.findall(r"#[0-9a-f]{6}", json.dumps(charts())))
    used |= {look.colour for look in LOOKS.values()}
    assert used <= set(DARK)


def test_curves_stand_out_from_the_paper_in_light_and_dark() -> None:
    outcomes = [colour for _, colour in OUTCOMES.values()]
    for colour in (*VANILLA_COLOURS, *COLOURS, *outcomes):
        assert contrast(DARK[colour], DARK["#ffffff"]) > 4.5
        assert contrast(colour, "#ffffff") > 3
    assert contrast(DARK["#6b6b6b"], DARK["#ffffff"]) > 4.5
    assert contrast("#6b6b6b", "#ffffff") > 4.5


def test_hovering_over_a_chart_shows_names_in_full() -> None:
    assert [chart["layout"]["hoverlabel"]["namelength"] for chart in charts()] == [-1] * 18
