"""What ran out of memory: each mark at its own length, all of them seen, above the curves."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from profiling.analysis.points.curves import Curve, build_curves
from profiling.report.charts.inputs import ChartInput
from profiling.report.charts.measured import build_chart
from profiling.report.figures.measured import draw_measured
from profiling.report.palette import Styles
from profiling.rows.columns import judged_columns
from tests.samples.rows.run import FAILED, small_rows

LATENCY = judged_columns()["latency"]
LONGEST = 384
OUT = FAILED | {"status": "oom", "error": "memory budget of 4 GiB exceeded"}


def curves_of(num_failed: int, lengths: tuple[int, ...]) -> list[Curve]:
    """Return a contender that ran everywhere, and others that failed at the longest length."""
    one = [
        row
        for row in small_rows()
        if (row["variant"], row["implementation"], row["phase"]) == ("vit", "sdpa", "inference")
        and row["input_size"] in lengths
    ]
    failed = [
        row | {"implementation": f"kernel{n}"} | (OUT if row["input_size"] == LONGEST else {})
        for n in range(num_failed)
        for row in one
    ]
    return build_curves([*one, *failed])


@pytest.mark.parametrize("num_failed", [1, 3, 8, 30])
@pytest.mark.parametrize("lengths", [(LONGEST,), (64, 128, 224, LONGEST)])
def test_each_mark_stands_at_its_length_below_the_others_and_above_the_curves(
    num_failed: int, lengths: tuple[int, ...]
) -> None:
    curves = curves_of(num_failed, lengths)
    styles = Styles.of(curves, [])
    chart = build_chart(ChartInput("vision", LATENCY, curves, [], [], styles))
    marks = [trace for trace in chart["data"] if trace.get("marker", {}).get("symbol") == "x"]
    assert [trace["x"] for trace in marks] == [[LONGEST]] * num_failed
    heights = [trace["y"][0] for trace in marks]
    assert heights == sorted(set(heights), reverse=True)
    highest = max(value for trace in chart["data"] if "error_y" in trace for value in trace["y"])
    low, high = (10**end for end in chart["layout"]["yaxis"]["range"])
    assert low < highest < min(heights) <= max(heights) < high
    assert [trace["text"] for trace in marks] == [*[[""]] * (num_failed - 1), ["oom"]]


@pytest.mark.parametrize("num_failed", [1, 8, 30])
def test_a_still_picture_shows_every_mark_above_the_curves(num_failed: int) -> None:
    curves = curves_of(num_failed, (64, LONGEST))
    panel = Figure().subplots()
    draw_measured(panel, curves, Styles.of(curves, []), LATENCY.name)
    marks = [line for line in panel.lines if line.get_marker() == "x"]
    assert [np.asarray(line.get_xdata()).item() for line in marks] == [LONGEST] * num_failed
    heights = [np.asarray(line.get_ydata()).item() for line in marks]
    assert heights == sorted(set(heights), reverse=True)
    measured = [point for curve in curves for point in curve.measured(LATENCY.name)]
    highest = max(point.values[LATENCY.name].median for point in measured)
    ((_, top),) = panel.transAxes.inverted().transform(panel.transData.transform([(64, highest)]))
    assert top < min(heights) <= max(heights) < 1
