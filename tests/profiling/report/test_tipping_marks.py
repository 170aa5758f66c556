"""Marks of tipping points: in the chart however many there are, and where the answers say."""

import json
from math import log

import numpy as np
import pytest
from matplotlib.figure import Figure

from profiling.analysis.points.curves import build_curves
from profiling.report.charts.inputs import ChartInput
from profiling.report.charts.measured import build_chart
from profiling.report.charts.traces import value_range
from profiling.report.figures.ratios import draw_ratio
from profiling.report.palette import Styles
from profiling.rows.columns import judged_columns
from tests.samples.rows.answers import answer_of
from tests.samples.rows.run import small_rows


def chart_of(num_crossings: int) -> ChartInput:
    curves = [curve for curve in build_curves(small_rows()) if curve.phase == "inference"]
    rows = [answer_of(f"v{n}", ["lose", "win"], modality="vision") for n in range(num_crossings)]
    styles = Styles.of(curves, rows)
    return ChartInput("vision", judged_columns()["latency"], curves, rows, [], styles)


@pytest.mark.parametrize("num_crossings", [0, 1, 6, 14, 20, 60])
def test_curves_keep_room_above_the_labels_of_however_many_crossings(num_crossings: int) -> None:
    chart = chart_of(num_crossings)
    low, high = value_range(chart)
    spreads = [point.values["latency_ms"] for curve in chart.curves for point in curve.points]
    ends = [end for spread in spreads for end in (spread.low, spread.high) if end]
    assert low < min(ends) < max(ends) < high
    assert log(max(ends) / min(ends)) / log(high / low) > 0.4
    drawn = build_chart(chart)
    heights = [trace["y"][1] for trace in drawn["data"] if "error_x" in trace]
    assert len(heights) == num_crossings
    assert heights == sorted(set(heights))
    assert all(low < height < min(ends) for height in heights)
    assert json.dumps(drawn, allow_nan=False)


def test_a_still_picture_marks_an_answer_of_at_most_where_it_surely_wins() -> None:
    row = answer_of("one", ["tie", "win", "win"])
    assert row["at_most"]
    axes = Figure().subplots()
    draw_ratio(axes, [row], Styles({}, {}, {}))
    (upright,) = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert np.unique(np.asarray(upright.get_xdata())) == [row["ci_high"]]
