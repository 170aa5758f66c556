"""How far a machine drifted, by the readings of its sentinel."""

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.analysis.points.drift import drift_of, judge_steadiness, steady, typical_width
from tests.samples.rows.sentinels import readings_of


def answers(*widths: float, metric: str = "latency") -> list[dict]:
    items = [{"length": n, "ci_low": 0.8, "ci_high": 0.8 * width} for n, width in enumerate(widths)]
    return [{"metric": metric, "lengths": [*items, {"length": 99, "outcome": "missing"}]}]


@pytest.mark.parametrize(
    "latencies", [[4.0, 5.0, 6.0], [6.0, 5.5, 5.0, 4.5, 4.0], [4, 4, 4, 6, 6, 6]]
)
def test_a_machine_that_changes_for_good_has_drifted_from_end_to_end(latencies: list) -> None:
    assert drift_of(latencies) == pytest.approx(1.5)


@pytest.mark.parametrize("latencies", set(permutations([4.0, 4.0, 4.0, 9.0])))
def test_one_outlier_is_no_drift_wherever_it_stands(latencies: list[float]) -> None:
    assert drift_of(latencies) == pytest.approx(1.0)


@pytest.mark.parametrize("latencies", [[], [4.0], [4.0, 9.0]])
def test_two_readings_tell_no_drift(latencies: list[float]) -> None:
    assert drift_of(latencies) is None


@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=30))
def test_steadied_values_lie_among_the_others(values: list[float]) -> None:
    steadied = steady(values)
    assert len(steadied) == len(values)
    assert min(values) <= min(steadied) <= max(steadied) <= max(values)


def test_disturbed_readings_do_not_count() -> None:
    latencies = [4.0, 4.0, 8.0, 8.0, 4.0, 4.0]
    assert judge_steadiness(readings_of(latencies), []).drift == pytest.approx(2.0)
    calm = judge_steadiness(readings_of(latencies, disturbed={2, 3}), [])
    assert calm.drift == pytest.approx(1.0)
    assert [len(series) for series in calm.series] == [6]


def test_readings_without_a_latency_are_left_out() -> None:
    failed = readings_of([4.0], status="oom", latency_ms=None)
    assert judge_steadiness(failed, []).series == []


def test_two_sentinels_are_never_compared_with_each_other() -> None:
    slow = readings_of([40.0, 40.0, 44.0, 44.0], key="another machine")
    steadiness = judge_steadiness([*readings_of([4.0] * 4), *slow], [])
    assert len(steadiness.series) == 2
    assert steadiness.drift == pytest.approx(1.1)


def test_the_typical_width_is_the_median_over_the_lengths_of_latency() -> None:
    rows = [*answers(1.1, 1.2, 1.9), *answers(9.0, metric="memory")]
    assert typical_width(rows) == pytest.approx(1.2)
    assert typical_width(answers()) is None


@pytest.mark.parametrize(("width", "exceeds"), [(1.4, True), (1.6, False), (None, False)])
def test_a_drift_matters_where_answers_claim_to_know_better(
    width: float | None, exceeds: bool
) -> None:
    rows = answers(width) if width else []
    assert judge_steadiness(readings_of([4.0, 5.0, 6.0]), rows).exceeds_answers is exceeds


def test_readings_that_no_machine_can_have_make_a_drift_that_is_a_number() -> None:
    assert math.isfinite(drift_of([1e-300, 1e-300, 1e300, 1e300]) or math.inf)
