"""Costs between the measured lengths, against curves that are known there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.analysis.statistics.cost_curves import CostCurves
from profiling.analysis.statistics.interpolation import cost_bounds

LENGTHS = np.array([128.0, 512.0, 2048.0, 8192.0])
BETWEEN = np.geomspace(128, 8192, 301)
PARTS = st.floats(0, 1e3)


def quadratic(n: np.ndarray) -> np.ndarray:
    return 100 + n + n**2 / 3000


def linear(n: np.ndarray) -> np.ndarray:
    return 400 + 1.6 * n


def curves(padding: int | None = None, lengths: np.ndarray = LENGTHS) -> CostCurves:
    padded = np.ceil(lengths / padding) * padding if padding else lengths
    vanilla, efficient = np.log(quadratic(lengths)), np.log(linear(padded))
    return CostCurves(lengths, efficient - vanilla, vanilla, efficient, padding)


def last_loss(padding: int | None = None) -> float:
    lengths = np.arange(128, 8193)
    padded = np.ceil(lengths / padding) * padding if padding else lengths
    return float(lengths[np.flatnonzero(linear(padded) >= quadratic(lengths))[-1]])


@given(
    parts=st.tuples(PARTS, PARTS, PARTS).filter(lambda parts: max(parts) > 1e-3),
    floor=st.floats(0, 1e6),
    power=st.floats(0, 2),
)
def test_sums_of_powers_and_floors_under_them_lie_within_the_bounds(
    parts: tuple[float, float, float], floor: float, power: float
) -> None:
    fixed, slope, square = parts

    def cost(n: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(fixed + slope * n**power + square * (n / 100) ** 2, floor))

    least, most = cost_bounds(np.log(BETWEEN), np.log(LENGTHS), cost(LENGTHS), 2.0)
    assert (least <= cost(BETWEEN) + 1e-9).all()
    assert (most >= cost(BETWEEN) - 1e-9).all()


def test_bounds_meet_at_the_measured_lengths() -> None:
    costs = np.log(quadratic(LENGTHS))
    for bound in cost_bounds(np.log(LENGTHS), np.log(LENGTHS), costs, 2.0):
        np.testing.assert_allclose(bound, costs)


def test_the_bent_crossing_of_a_parabola_and_a_line_is_exact() -> None:
    found = curves()
    assert found.bends()
    assert found.bent_crossing() == pytest.approx(last_loss(), abs=2)
    straight = found.crossing()
    assert straight is not None
    assert abs(straight - last_loss()) > 20


@pytest.mark.parametrize("padding", [None, 512])
def test_the_true_crossing_lies_between_the_outermost_ones(padding: int | None) -> None:
    earliest, latest = curves(padding).outermost_crossings()
    assert earliest <= last_loss(padding) <= latest


def test_a_staircase_wins_for_good_only_where_its_last_step_does() -> None:
    padded = curves(512).bent_crossing()
    assert padded is not None
    assert padded == pytest.approx(last_loss(512), rel=0.01)
    assert padded > last_loss() + 50


def test_straight_lines_on_log_axes_do_not_bend() -> None:
    vanilla, efficient = 1.4 * np.log(LENGTHS / 700), np.log(LENGTHS / 700)
    found = CostCurves(LENGTHS, efficient - vanilla, vanilla, efficient)
    assert not found.bends()
    assert found.outermost_crossings() == pytest.approx((700, 700), rel=0.01)


def test_lengths_that_are_padded_alike_count_as_one() -> None:
    lengths = np.array([100.0, 130.0, 256.0, 700.0])
    found = curves(256, lengths)
    assert np.isfinite(found.crossings(np.zeros((1, 4)))).all()


def test_images_grow_with_the_square_of_their_side() -> None:
    sides = np.array([64.0, 128.0, 256.0, 512.0])
    tokens = (sides / 16) ** 2
    vanilla, efficient = np.log(1 + tokens + tokens**2 / 100), np.log(20 + 2 * tokens)
    found = CostCurves(sides, efficient - vanilla, vanilla, efficient, in_pixels=True)
    # 1 + n + n^2 / 100 = 20 + 2 n at n = 116.3, a side of 172.5.
    assert found.bent_crossing() == pytest.approx(172.5, rel=0.001)
