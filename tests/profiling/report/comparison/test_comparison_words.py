"""Two runs compared, in words: whole sections, numbers that say something, names as they are."""

from typing import Any

import pytest

from datamodules.lengths import LengthDistribution
from profiling.analysis.points.curves import build_curves
from profiling.analysis.run_comparison.comparing import compare_runs
from profiling.analysis.run_comparison.run_answers import Answer, RunComparison
from profiling.analysis.run_comparison.shared_points import Run
from profiling.report.charts.inputs import ChartInput
from profiling.report.charts.numbers import measured_numbers
from profiling.report.comparison.table import comparison_as_markdown
from profiling.report.comparison.words import build_sections, describe_answer, foot_lines
from profiling.report.palette import Styles
from profiling.rows.columns import judged_columns
from tests.samples.rows.run import small_rows
from tests.samples.rows.runs import noisy_rows, only_latency, visits_of

TEN = (10.0, 10.1, 9.9)


def in_two_places(**places: tuple[Any, Any]) -> RunComparison:
    """Compare a run of two lengths, each measured in two places, with itself."""
    ((column, values),) = places.items()
    rows = [
        row
        for length in (512, 1024)
        for value in values
        for row in visits_of(TEN, length, **{column: value})
    ]
    return compare_runs(Run(rows), Run(rows))


def test_points_of_one_place_stand_together_in_one_section() -> None:
    sections = build_sections(in_two_places(threads=(1, 2)).answers)
    assert [section.title for section in sections] == [
        "text, inference (1 threads)",
        "text, inference (2 threads)",
    ]
    assert [[length for _, length, _ in section.lines] for section in sections] == [[512, 1024]] * 2


def answer(metric: str, verdict: str, ratio: float, low: float, high: float) -> Answer:
    (point,) = Run(visits_of(TEN)).points
    return Answer(point, {}, metric, verdict, ratio, low, high)


def test_a_decided_ratio_never_reads_as_1() -> None:
    less = answer("memory", "faster", 0.9997, 0.9995, 0.9998)
    assert describe_answer(less) == "0.9997 [0.9995-0.9998] less"
    more = answer("latency", "slower", 1.0003, 1.00001, 1.0006)
    assert describe_answer(more) == "1.00030 [1.00001-1.00060] slower"
    assert describe_answer(answer("latency", "faster", 0.9, 0.8, 0.95)) == (
        "0.900 [0.800-0.950] faster"
    )
    untold = answer("latency", "cannot_tell", 1.00001, 0.99, 1.0101)
    assert describe_answer(untold) == "1.000 [0.990-1.010]"


@pytest.mark.parametrize("metric", ["latency", "memory"])
@pytest.mark.parametrize(("run", "verdict"), [("second", "slower"), ("first", "faster")])
def test_a_run_that_is_out_of_memory_is_told_in_a_sentence(
    metric: str, run: str, verdict: str
) -> None:
    (point,) = Run(visits_of(TEN)).points
    reason = f"only the {run} run ran out of memory"
    assert describe_answer(Answer(point, {}, metric, verdict, reason=reason)) == reason


def test_few_intervals_have_a_chance_that_is_not_nothing() -> None:
    rows = only_latency(noisy_rows(1, 4))
    assert (
        "Of 4 intervals, 0.2 or so would lie" in foot_lines(compare_runs(Run(rows), Run(rows)))[1]
    )
    assert "Of 0 intervals, 0 or so would lie" in foot_lines(RunComparison([]))[1]


def test_names_outside_of_tables_are_shown_by_markdown_as_they_are() -> None:
    text = comparison_as_markdown(
        in_two_places(device_name=("cpu_one", "cpu_two")), ["A: runs/a_b_c", "B: runs/<b>*d*"]
    )
    assert "- A: runs/a\\_b\\_c\n- B: runs/\\<b\\>\\*d\\*" in text
    assert "**text, inference (cpu\\_one)**" in text
    assert "cpu_one" not in text
    assert "\\[its 95 % interval\\]" in text


def test_the_numbers_of_a_chart_have_the_name_of_the_data_as_it_is() -> None:
    curves = [curve for curve in build_curves(small_rows()) if curve.phase == "inference"]
    data = LengthDistribution.from_lengths([64, 128], "cats & <dogs>", "vision", "nowhere")
    latency = judged_columns()["latency"]
    chart = ChartInput("vision", latency, curves, [], [data], Styles.of(curves, []))
    rows = measured_numbers(chart)["rows"]
    assert {row[2] for row in rows if row[0] == "share of samples"} == {"cats & <dogs>"}
