"""Costs between the measured lengths, against curves that are known there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.analysis.statistics.cost_curve import CostCurve
from profiling.analysis.statistics.cost_curves import CostCurves
from profiling.analysis.statistics.interpolation import cost_bounds

LENGTHS = np.array([128.0, 512.0, 2048.0, 8192.0])
BETWEEN = np.geomspace(128, 8192, 301)
PARTS = st.floats(0, 1e3)


def quadratic(n: np.ndarray) -> np.ndarray:
    return 100 + n + n**2 / 3000


def linear(n: np.ndarray) -> np.ndarray:
    return 400 + 1.6 * n


Paddings = tuple[int | None, int | None]
UNPADDED: Paddings = (None, None)


def padded(lengths: np.ndarray, padding: int | None) -> np.ndarray:
    return np.ceil(lengths / padding) * padding if padding else lengths


def both(
    lengths: np.ndarray,
    vanilla: np.ndarray,
    efficient: np.ndarray,
    paddings: Paddings = UNPADDED,
    in_pixels: bool = False,
) -> CostCurves:
    sides = (
        CostCurve(lengths, costs, padding, in_pixels)
        for costs, padding in zip((vanilla, efficient), paddings, strict=True)
    )
    return CostCurves(lengths, efficient - vanilla, *sides)


def curves(paddings: Paddings = UNPADDED, lengths: np.ndarray = LENGTHS) -> CostCurves:
    theirs, ours = (padded(lengths, padding) for padding in paddings)
    return both(lengths, np.log(quadratic(theirs)), np.log(linear(ours)), paddings)


def last_loss(paddings: Paddings = UNPADDED) -> float:
    lengths = np.arange(128, 8193)
    theirs, ours = (padded(lengths, padding) for padding in paddings)
    return float(lengths[np.flatnonzero(linear(ours) >= quadratic(theirs))[-1]])


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


@pytest.mark.parametrize("paddings", [UNPADDED, (None, 512), (512, None), (512, 512)])
def test_the_true_crossing_lies_between_the_outermost_ones(paddings: Paddings) -> None:
    earliest, latest = curves(paddings).outermost_crossings()
    # The curves cross between the last length that is lost and the next one.
    assert earliest <= last_loss(paddings) + 1
    assert last_loss(paddings) <= latest


@pytest.mark.parametrize(("paddings", "moves"), [((None, 512), 50), ((512, None), -50)])
def test_a_staircase_wins_for_good_only_where_its_last_step_does(
    paddings: Paddings, moves: int
) -> None:
    found = curves(paddings).bent_crossing()
    assert found is not None
    assert found == pytest.approx(last_loss(paddings), rel=0.01)
    assert (found - last_loss()) / moves > 1


def test_a_vanilla_staircase_is_crossed_right_behind_a_measured_length() -> None:
    vanilla, efficient = np.log([20.0, 40.0]), np.log([24.0, 36.0])
    found = both(np.array([512.0, 1024.0]), vanilla, efficient, (512, None))
    # From 513 on the vanilla side takes 40, and the other one still 24.
    assert found.crossing() == pytest.approx(512.5, abs=0.51)
    assert found.outermost_crossings() == pytest.approx((512.5, 512.5), abs=0.51)


def test_straight_lines_on_log_axes_do_not_bend() -> None:
    vanilla, efficient = 1.4 * np.log(LENGTHS / 700), np.log(LENGTHS / 700)
    found = both(LENGTHS, vanilla, efficient)
    assert not found.bends()
    assert found.outermost_crossings() == pytest.approx((700, 700), rel=0.01)


@given(
    points=st.lists(
        st.tuples(st.integers(1, 5000), st.floats(-3, 3)),
        min_size=1,
        max_size=8,
        unique_by=lambda point: point[0],
    ).map(sorted),
    padding=st.sampled_from([None, 64, 256, 1500, 8192]),
)
def test_curves_and_bounds_go_through_every_measured_cost(
    points: list[tuple[int, float]], padding: int | None
) -> None:
    lengths, log_costs = np.array(points, dtype=np.float64).T
    side = CostCurve(lengths, log_costs, padding)
    for curve in (side.straight(lengths), side.bent(lengths), *side.bounds(lengths)):
        np.testing.assert_allclose(curve, log_costs, atol=1e-6)


def all_in_one_step(*lengths: float) -> CostCurves:
    """Cost 0.16 a token against 100, measured while the machine is slow for short ones."""
    places = np.array(lengths)
    slower = np.log(np.where(places <= 500, 1.2, 1.0))
    vanilla, efficient = np.log(0.16 * places) + slower, np.log(100) + slower
    return both(places, vanilla, efficient, (None, 1500))


@pytest.mark.parametrize("lengths", [(250, 500, 1000, 1500), (250, 500, 610, 1000, 1500)])
def test_a_machine_that_is_slower_at_some_lengths_moves_no_crossing(
    lengths: tuple[float, ...],
) -> None:
    assert all_in_one_step(*lengths).crossing() == pytest.approx(625)


def test_the_noise_of_lengths_that_are_padded_alike_is_not_averaged() -> None:
    found = all_in_one_step(250, 500, 1000, 1500)
    # What is off at the length before the crossing counts in full, and what is off far away not.
    off = np.array([[0.0, -found.log_ratios[1], 0.0, 0.0], [9.0, 0.0, 0.0, 0.0]])
    assert found.crossings(off) == pytest.approx([500, 625])


def test_images_grow_with_the_square_of_their_side() -> None:
    sides = np.array([64.0, 128.0, 256.0, 512.0])
    tokens = (sides / 16) ** 2
    vanilla, efficient = np.log(1 + tokens + tokens**2 / 100), np.log(20 + 2 * tokens)
    found = both(sides, vanilla, efficient, in_pixels=True)
    # 1 + n + n^2 / 100 = 20 + 2 n at n = 116.3, a side of 172.5.
    assert found.bent_crossing() == pytest.approx(172.5, rel=0.001)
