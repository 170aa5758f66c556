"""What the page shows beside the numbers of the answers."""

import re

from profiling.report.page.rendering import as_code, whole_numbers
from tests.samples.rows.run import (
    charts_of,
    page_of,
    sample_report,
    sample_rows,
    sample_tipping_points,
)


def test_points_that_others_disturbed_are_hollow_and_say_so() -> None:
    rows = [
        row | {"disturbed": row["variant"] == "vit" or row["visit"] == 0}
        for row in sample_rows()
        if row["modality"] == "vision"
    ]
    charts = charts_of(page_of(rows, sample_tipping_points(rows), {}))
    traces = [trace for trace in charts[0]["data"] if "error_y" in trace]
    looks = {trace["name"].split()[0]: trace for trace in traces}
    assert all(symbol.endswith("-open") for symbol in looks["vit"]["marker"]["symbol"])
    assert not any(symbol.endswith("-open") for symbol in looks["swin"]["marker"]["symbol"])
    assert looks["vit"]["customdata"][0][1].endswith(", 3 visits, 3 disturbed")
    assert looks["swin"]["customdata"][0][1].endswith(", 2 visits, 1 disturbed left out")


def test_numbers_beside_a_curve_are_those_of_the_table_and_never_in_exponents() -> None:
    rows = [row for row in sample_rows() if row["modality"] == "vision" and row["visit"] == 0]
    rows = [row | {"peak_memory_mib": 20460.4, "latency_ms_median": 12345.6} for row in rows]
    charts = charts_of(page_of(rows, [], {}))
    traces = [trace for chart in charts for trace in chart["data"] if "error_y" in trace]
    told = {str(words[0]) for trace in traces for words in trace["customdata"]}
    assert "20,460" in told
    assert not any("e+" in words for words in told)
    assert not any("%{y" in trace["hovertemplate"] for trace in traces)
    visits = {words[1].rpartition(", ")[2] for trace in traces for words in trace["customdata"]}
    assert visits == {"1 visit"}


def test_the_page_shows_from_where_every_length_is_proven_to_win() -> None:
    page = (sample_report() / "report.html").read_text()
    assert re.search(r"proven from [\d,]+</span>", page)
    assert "comparisons about" in page


def test_no_line_ends_within_an_interval_or_before_a_per_cent_sign() -> None:
    written = whole_numbers("it saves 68 % [67-70 %] & needs 1,625 [1,438-1,843] tokens")
    assert written == (
        'it saves <span class="whole">68 %</span> <span class="whole">[67-70 %]</span> &amp; '
        'needs 1,625 <span class="whole">[1,438-1,843]</span> tokens'
    )
    page = (sample_report() / "report.html").read_text()
    assert re.search(r'<li>Latency[^\n]*<span class="whole">\[', page)


def test_a_setting_in_backticks_is_shown_as_code_and_a_name_with_one_as_it_is() -> None:
    assert as_code("a larger `time_budget_s` & <more>") == (
        "a larger <code>time_budget_s</code> &amp; &lt;more&gt;"
    )
    assert as_code("a `name") == "a `name"
    rows = [row for row in sample_rows() if row["modality"] == "vision"]
    page = page_of(rows, [], {"left_alone": ["text training"]})
    assert "a larger <code>time_budget_s</code> continues" in page
