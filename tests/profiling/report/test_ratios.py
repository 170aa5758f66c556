"""The panel of ratios: what only one side can do, and what was visited once."""

from typing import Any

from profiling.analysis.answers.judging import ONE_VISIT
from profiling.analysis.answers.tipping_points import doubted
from profiling.analysis.points.curves import build_curves
from profiling.analysis.statistics.many import BY_CHANCE
from profiling.report.charts.ratios import ratio_traces
from profiling.report.palette import Styles
from tests.samples.rows.run import (
    charts_of,
    sample_report,
    sample_rows,
    sample_tipping_points,
)


def test_a_length_that_only_one_side_can_do_is_marked_without_a_ratio() -> None:
    charts = charts_of((sample_report() / "report.html").read_text())
    marks = [
        trace
        for trace in charts[1]["data"]
        if trace.get("yaxis") == "y2" and trace["mode"] == "markers"
    ]
    assert marks
    assert all(trace["x"] == [4096] for trace in marks)
    assert all(trace["customdata"] == [["win", "bert runs out of memory"]] for trace in marks)


def test_a_length_that_was_visited_once_stands_beside_the_line_of_ratios() -> None:
    items = [
        {"length": length, "outcome": outcome, "ratio": ratio, "ci_low": 0.1, "ci_high": 9.0}
        for length, outcome, ratio in ((64, "lose", 1.5), (128, "tie", 27.0), (256, "win", 0.5))
    ]
    items[1]["reason"] = ONE_VISIT
    row = sample_tipping_points()[0] | {"lengths": items}
    band, line, beside = ratio_traces(
        [row], Styles.of(build_curves(sample_rows()), [row]), "tokens"
    )
    assert line["x"] == [64, 256]
    assert band["x"] == [64, 256, 256, 64]
    assert (beside["x"], beside["marker"]["symbol"]) == ([128], "circle-open")
    assert beside["customdata"] == [[ONE_VISIT]]


def test_what_chance_may_have_decided_is_neither_a_win_nor_a_loss_in_the_chart() -> None:
    crosses = [row for row in sample_tipping_points() if row["verdict"] == "crosses"]
    rows = [row for row in crosses if not row["at_most"]][:1]
    styles = Styles.of(build_curves(sample_rows()), rows)
    before, after = (
        {symbol for trace in ratio_traces(found, styles, "tokens") for symbol in symbols_of(trace)}
        for found in (rows, [doubted(row) for row in rows])
    )
    assert before >= {"triangle-up", "triangle-down"}
    assert after == {"circle"}
    told = [
        words[1]
        for trace in ratio_traces([doubted(row) for row in rows], styles, "tokens")
        for words in trace.get("customdata", ())
        if trace["mode"] == "lines+markers"
    ]
    assert told
    assert all(words.startswith("tie") for words in told)
    assert any(BY_CHANCE in words for words in told)


def test_what_is_decided_never_reads_as_even() -> None:
    rows = [row for row in sample_tipping_points() if row["verdict"] == "crosses"][:1]
    styles = Styles.of(build_curves(sample_rows()), rows)
    win = {"outcome": "win", "ratio": 0.968, "ci_low": 0.938, "ci_high": 0.99974, "reason": None}
    rows = [row | {"lengths": [{**item, **win} for item in row["lengths"]]} for row in rows]
    line = next(t for t in ratio_traces(rows, styles, "tokens") if t["mode"] == "lines+markers")
    assert line["customdata"][0][:2] == ["0.9680", "win, 95 % interval 0.9380 to 0.9997"]
    assert "%{y" not in line["hovertemplate"]


def symbols_of(trace: dict[str, Any]) -> list[str]:
    return list(trace.get("marker", {}).get("symbol", ()))
