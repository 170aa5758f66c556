"""What the page says of visits without a number, and of noise: no more than is known."""

from typing import Any

import pytest

from profiling.analysis.points.curves import build_curves
from profiling.analysis.points.drift import judge_steadiness
from profiling.report.cautions import cautions_of
from profiling.report.material import Material
from profiling.report.page.problems import Problem, find_problems
from profiling.report.page.rendering import render_page
from profiling.report.page.tables import find_noise
from tests.samples.rows.run import FAILED, sample_rows, small_rows

METRICS = ("latency", "throughput", "memory")


def problems_of(status: str) -> list[Problem]:
    return [problem for problem in find_problems(sample_rows()) if problem.status == status]


def page_of(rows: list[dict[str, Any]]) -> str:
    return " ".join(render_page(Material.of(rows, [], [], {})).split())


def test_a_point_that_other_visits_measured_lacks_no_number() -> None:
    (failed,) = problems_of("error")
    assert (failed.name, failed.lengths) == ("nystromformer library", "256")
    assert failed.missing == ()
    (out,) = problems_of("oom")
    assert out.missing == METRICS


def test_a_visit_that_failed_late_lacks_only_what_it_had_not_reached() -> None:
    late = {"status": "oom", "error": "batch", "throughput_samples_per_s": None}
    (problem,) = find_problems([small_rows()[0] | late, small_rows()[1]])
    assert problem.missing == ("throughput",)


def test_what_nobody_asked_for_is_not_missing() -> None:
    fields = {"throughput_samples_per_s": None, "peak_memory_mib": None}
    rows = [row | fields for row in small_rows()]
    rows[0] |= {"status": "error", "error": "it broke", "latency_ms": None}
    problems = find_problems(row for row in rows if row["visit"] == 0)
    assert [problem.missing for problem in problems] == [("latency",)]


def test_a_visit_lacks_only_what_it_was_asked_for() -> None:
    failed = {**FAILED, "status": "error", "error": "it broke", "metrics": ["latency"]}
    (problem,) = find_problems([small_rows()[0], small_rows()[-1] | failed])
    assert problem.missing == ("latency",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "Nothing: no visit failed, ran out of memory or was skipped."),
        ({"status": "error", "error": "broken", **FAILED}, "latency, throughput, memory</td>"),
    ],
)
def test_the_page_says_whether_a_visit_failed(change: dict[str, Any], said: str) -> None:
    assert said in page_of([row | change for row in small_rows()])


def test_a_run_without_rows_is_not_said_to_be_measured() -> None:
    page = page_of([])
    assert "Nothing was measured." in page
    assert "no visit failed" not in page


@pytest.mark.parametrize("failed_visits", [{0, 1}, {0}])
def test_noise_is_unknown_without_two_numbers_of_a_point(failed_visits: set[int]) -> None:
    broken = {"status": "error", "error": "broken", **FAILED}
    page = page_of([row | broken if row["visit"] in failed_visits else row for row in small_rows()])
    assert "No point has a number from two visits: the noise between visits is unknown." in page


def test_what_fails_on_one_device_alone_is_said_of_that_device() -> None:
    broken = {"status": "error", "error": "no such kernel", **FAILED}
    there = [row | {"device_name": "another one"} for row in small_rows()]
    there = [row | broken if row["variant"] == "swin" else row for row in there]
    rows = [*small_rows(), *there]
    told = [each for each in cautions_of(rows, judge_steadiness([], [])) if "No number" in each]
    failed = {row["implementation"] for row in there if row["variant"] == "swin"}
    assert len(told) == 2 * len(failed)
    assert all("(another one): no such kernel." in each for each in told)
    assert {problem.setting for problem in find_problems(rows)} == {"another one"}
    assert " <small>another one</small></td>" in page_of(rows)


def test_the_noise_of_two_devices_is_told_of_each() -> None:
    there = [row | {"device_name": "another one"} for row in small_rows()]
    alone, both = (
        find_noise(build_curves(rows)) for rows in (small_rows(), [*small_rows(), *there])
    )
    assert {noise.setting for noise in alone} == {""}
    assert len(both) == 2 * len(alone)
    assert "another one" in {noise.setting for noise in both}
