"""The ladder as the page shows it, and lengths of data that were given to a report."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from datamodules.lengths import LengthDistribution
from profiling.analysis.answers.tipping_points import MISSING, find_ladder, find_tipping_points
from profiling.report.answers.sections import build_sections
from profiling.report.build import build_report
from profiling.report.charts.ladder import build_ladder_chart
from profiling.report.charts.look import DARK, PAPER
from profiling.report.material import Material
from profiling.report.page.rendering import render_page
from profiling.report.palette import COLOURS, STROKES, Style, Styles
from tests.samples.contrast import contrast
from tests.samples.rows.answers import Row, answer_of
from tests.samples.rows.curves import rows_of
from tests.samples.rows.run import charts_of, sample_manifest, sample_rows, sample_tipping_points

NO_STYLES = Styles({}, {}, {})
TITLE = "Against each kernel of the vanilla variant"


def rung(kernel: str, outcomes: list[str], name: str = "one") -> Row:
    return answer_of(name, outcomes, comparison="ladder", vanilla_implementation=kernel)


def chart_of(*rungs: Row) -> dict[str, Any]:
    chart = build_ladder_chart(rungs, NO_STYLES)
    assert chart is not None
    return chart


@cache
def page_of(kernels: tuple[str, ...] = ("eager", "sdpa")) -> str:
    rows = [
        row
        for row in sample_rows()
        if row["modality"] == "vision"
        and (row["variant"] != "vit" or row["implementation"] in kernels)
    ]
    ladder, answers = find_ladder(rows), sample_tipping_points(rows)
    sections = build_sections(answers, (), ladder)
    return render_page(Material.of(rows, answers, sections, {}).beside(ladder))


def test_each_rung_is_a_mark_with_its_interval_below_the_name_of_the_variant() -> None:
    rungs = rung("eager", ["lose", "win", "win"]), rung("sdpa", ["lose", "lose", "win"])
    chart = chart_of(*rungs)
    places = [(trace["x"][0], trace["y"][0]) for trace in chart["data"]]
    assert places == [(rungs[0]["tipping_point"], 1), (rungs[1]["tipping_point"], 2)]
    ends = chart["data"][0]["error_x"]
    assert places[0][0] + ends["array"][0] == rungs[0]["ci_high"]
    assert places[0][0] - ends["arrayminus"][0] == rungs[0]["ci_low"]
    assert chart["layout"]["yaxis"]["ticktext"] == ["eager", "sdpa"]
    assert [each["text"] for each in chart["layout"]["annotations"]] == ["<b>one</b> against"]
    assert chart["layout"]["xaxis"]["type"] == "log"


def test_what_has_no_number_stands_at_the_longest_length_and_says_why() -> None:
    chart = chart_of(rung("eager", ["lose", "tie"]), rung("sdpa", ["lose", "lose", "lose"]))
    looks = [
        (trace["x"], trace["marker"]["symbol"], trace["text"], "error_x" in trace)
        for trace in chart["data"]
    ]
    assert looks == [
        ([256.0], "circle-open", [" cannot tell"], False),
        ([512.0], "triangle-right-open", [" not yet"], False),
    ]


def test_what_wins_at_short_lengths_alone_stands_where_its_wins_end() -> None:
    row = rung("sdpa", ["win", "win", "lose", "lose"])
    chart = chart_of(rung("eager", ["lose", "lose", "lose", "win"]), row)
    trace = chart["data"][1]
    assert "only below 512" in trace["hovertemplate"]
    assert (trace["x"], trace["text"]) == ([512.0], [" only below"])
    assert trace["marker"]["symbol"] == "triangle-down-open"
    assert "▽" in page_of()


def test_words_beside_a_mark_stand_on_the_side_with_more_room() -> None:
    rungs = rung("eager", ["win", "lose", "lose", "lose"]), rung("sdpa", ["lose"] * 3 + ["tie"])
    sides = [trace["textposition"] for trace in chart_of(*rungs)["data"]]
    assert sides == ["middle right", "middle left"]


def test_a_long_name_takes_several_lines_in_each_of_which_all_is_seen() -> None:
    name = "w" * 60
    chart = chart_of(*(rung(kernel, ["lose", "win"], name) for kernel in ("eager", "sdpa")))
    lines = [each["text"] for each in chart["layout"]["annotations"]]
    plain = [line.replace("<b>", "").replace("</b>", "") for line in lines]
    assert "".join(plain) == f"{name} against"
    assert all(len(line) < 48 for line in plain)
    assert [trace["y"] for trace in chart["data"]] == [[2], [3]]


@pytest.mark.parametrize("colour", COLOURS)
def test_text_can_be_read_in_light_and_dark_whatever_the_colour_of_a_variant(colour: str) -> None:
    styles = Styles({}, {"one": Style(colour, *STROKES[0])}, {})
    rungs = rung("eager", ["lose", "tie"]), rung("sdpa", ["lose", "win"])
    chart = build_ladder_chart(rungs, styles)
    assert chart is not None
    assert {trace["marker"]["color"] for trace in chart["data"]} == {colour}
    used = [each["font"]["color"] for each in chart["layout"]["annotations"]]
    used += [trace["textfont"]["color"] for trace in chart["data"]]
    used.append(chart["layout"]["yaxis"]["tickfont"]["color"])
    for text in set(used):
        assert contrast(text, PAPER) > 4.5
        assert contrast(DARK[text], DARK[PAPER]) > 4.5


def test_a_single_rung_is_not_drawn() -> None:
    assert build_ladder_chart([rung("sdpa", ["lose", "win"])], NO_STYLES) is None
    assert build_ladder_chart([], NO_STYLES) is None
    mixed = [rung("eager", ["win"]), rung("sdpa", ["win"]), rung("sdpa", ["win"], "two")]
    assert {trace["name"] for trace in chart_of(*mixed)["data"]} == {"one"}


def test_the_chart_gives_its_numbers() -> None:
    rungs = rung("eager", ["lose", "win"]), rung("sdpa", ["lose", "lose"])
    rows = chart_of(*rungs)["table"]["rows"]
    assert rows[0][:5] == ["one", "latency", "bert", "eager", "crosses"]
    assert rows[1] == ["one", "latency", "bert", "sdpa", "never_in_range", None, None, None]


def test_the_table_of_a_chart_says_wins_from_as_the_answers_do() -> None:
    rungs = rung("eager", ["tie", "win", "win"]), rung("sdpa", ["lose", "win", "win"])
    assert rungs[0]["at_most"]
    told = [line[5] for line in chart_of(*rungs)["table"]["rows"]]
    assert told == [rungs[0]["ci_high"], rungs[1]["tipping_point"]]


def test_a_rung_that_met_at_no_length_stands_at_the_longest_of_the_others() -> None:
    chart = chart_of(rung("eager", ["missing", "missing"]), rung("sdpa", ["lose", "win"]))
    assert chart["data"][0]["x"] == [256.0]
    assert chart["data"][0]["text"] == [" cannot tell"]


def test_a_report_of_rungs_that_share_no_effort_has_no_ladder_to_draw(tmp_path: Path) -> None:
    short = dict.fromkeys((256, 512), 10.0)
    rows = rows_of("bert", short, max_length=512)
    rows += rows_of("bert", short, implementation="sdpa", max_length=512)
    rows += rows_of("longformer", short | {1024: 10.0}, max_length=1024)
    ladder, answers = find_ladder(rows), find_tipping_points(rows)
    assert len(ladder) == 2
    assert {item["outcome"] for each in ladder for item in each["lengths"]} == {MISSING}
    sections = build_sections(answers, (), ladder)
    material = Material.of(rows, answers, sections, {}).beside(ladder)
    page = build_report(tmp_path, material).read_text()
    assert TITLE not in page
    assert "whether longformer w512 wins cannot be told against eager" in page


def test_the_page_begins_with_the_answers_and_draws_the_ladder_of_every_metric_and_phase() -> None:
    page = page_of()
    assert 0 < page.index("Vision, inference</h3>") < page.index('<table class="answer">')
    assert "against eager attention, as in the study, " in page
    assert TITLE in page
    drawn = [chart for chart in charts_of(page) if "vanilla kernel" in chart["table"]["columns"]]
    assert [{line[1] for line in chart["table"]["rows"]} for chart in drawn] == [
        *([{"latency"}] * 2),
        *([{"throughput"}] * 2),
        *([{"memory"}] * 2),
    ]


def test_without_a_second_kernel_the_page_has_no_ladder() -> None:
    page = page_of(("sdpa",))
    assert TITLE not in page
    assert "as in the study" not in page
    assert "Vision, inference</h3>" in page


def test_rungs_are_no_comparisons_of_the_charts_and_tables() -> None:
    page = page_of()
    choices = {
        trace["meta"].get("comparison") for chart in charts_of(page) for trace in chart["data"]
    }
    assert choices == {None, "best_vs_best", "like_for_like"}
    assert page.count("Of 12 comparisons") == 1  # two phases, three metrics, two kinds


def test_lengths_that_are_given_are_drawn_under_the_curves(tmp_path: Path) -> None:
    rows = [row for row in sample_rows() if row["modality"] == "text"]
    given = LengthDistribution.from_lengths([200, 300, 3000], "speeches", "text", "nowhere")
    material = Material.of(rows, [], [], sample_manifest()).beside((), [given])
    charts = charts_of(render_page(material))
    names = [trace["name"] for trace in charts[0]["data"] if trace.get("yaxis") == "y3"]
    assert names == ["movie reviews", "speeches"]
    assert json.dumps(charts[0]["layout"]).count("lengths of movie reviews, speeches") == 1
