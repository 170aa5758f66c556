"""Numbers on logarithmic axes: enough to read a value, and none on top of another."""

from itertools import pairwise
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.report.charts.log_ticks import ROOM, log_ticks
from profiling.report.charts.ratio_axis import ratio_ticks


@pytest.mark.parametrize(
    ("low", "high"),
    [
        *((30.4, 42.4), (560.0, 900.0), (5.1, 9.9), (1.1, 1.9)),
        *((2.16, 6.1), (0.97, 1.03), (1.0, 1e5), (0.885, 1.118), (0.5, 2.0)),
    ],
)
def test_every_axis_has_numbers_that_have_room(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 3 <= len(ticks) <= 12
    assert low <= ticks[0]
    assert ticks[-1] <= high
    assert all(log(b / a) >= ROOM * log(high / low) for a, b in pairwise(ticks))


@given(low=st.floats(1e-3, 1e6), factor=st.floats(1.01, 1e8))
def test_no_more_than_half_of_an_axis_is_without_a_number(low: float, factor: float) -> None:
    high = low * factor
    ends = [low, *log_ticks(low, high), high]
    assert max(log(b / a) for a, b in pairwise(ends)) <= 0.6 * log(high / low)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (30.4, 42.4, [32, 34, 36, 38, 40, 42]),
        (1.0, 1000.0, [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]),
    ],
)
def test_the_numbers_are_the_roundest_that_leave_no_long_piece(
    low: float, high: float, ticks: list[float]
) -> None:
    assert log_ticks(low, high) == ticks


def test_halves_and_doubles_are_round_where_they_are_what_is_compared() -> None:
    assert log_ticks(0.21, 4.7, halved=True) == [0.25, 0.5, 1, 2, 4]


def test_batches_are_whole() -> None:
    assert log_ticks(0.77, 5.2, whole=True) == [1, 2, 3, 4, 5]


def test_each_comparison_that_can_be_chosen_has_its_own_numbers() -> None:
    traces = [
        {"y": ratios, "meta": {"comparison": comparison}}
        for comparison, ratios in (("like_for_like", [0.25, 4.0]), ("best_vs_best", [0.98, 1.02]))
    ]
    ticks = ratio_ticks(traces)
    assert list(ticks) == ["best_vs_best", "like_for_like"]
    assert {"0.98", "1", "1.02"} <= set(ticks["best_vs_best"]["ticktext"])
    assert ticks["like_for_like"]["ticktext"] == ["1/4", "1/2", "1", "2", "4"]
