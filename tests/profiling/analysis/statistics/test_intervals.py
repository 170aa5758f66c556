"""Intervals of log ratios, checked against what they promise: to contain the truth."""

import numpy as np
import pytest

from profiling.analysis.statistics.intervals import (
    BORROWED_DF,
    block_log_ratios,
    draw_deviations,
    interval_ends,
    paired_log_ratios,
)

NOISE = 0.05


def simulated_coverage(num_visits: int, noise: list[float], num_curves: int = 300) -> float:
    """Return how often the interval of a length contains the truth, over many curves."""
    generator = np.random.default_rng(5)
    inside = []
    for curve in range(num_curves):
        scale = np.array(noise)[:, None]
        ratios = generator.standard_normal((len(noise), num_visits)) * scale
        low, high = interval_ends(draw_deviations(ratios, seed=curve)).T + ratios.mean(axis=1)
        inside.append((low <= 0) & (high >= 0))
    return float(np.mean(inside))


def test_only_visits_that_both_have_are_paired() -> None:
    ratios = paired_log_ratios({0: 2.0, 1: 8.0, 2: 100.0}, {0: 1.0, 1: 1.0, 7: 3.0})
    assert ratios == pytest.approx({0: np.log(2.0), 1: np.log(8.0)})
    assert paired_log_ratios({0: 1.0}, {1: 1.0}) == {}


def test_pairing_cancels_drift_that_both_sides_share() -> None:
    drift = {0: 1.0, 1: 1.3, 2: 1.7}
    ratios = paired_log_ratios({visit: 2 * value for visit, value in drift.items()}, drift)
    assert list(ratios.values()) == pytest.approx([np.log(2)] * 3)
    assert interval_ends(draw_deviations(np.array([[*ratios.values()]]))) == pytest.approx(0.0)


@pytest.mark.parametrize("num_visits", [2, 3, 5])
def test_an_interval_of_few_visits_contains_the_truth_as_often_as_it_says(num_visits: int) -> None:
    assert simulated_coverage(num_visits, [NOISE], num_curves=1000) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("num_visits", [2, 3, 5])
def test_borrowing_noise_from_other_lengths_keeps_the_coverage(num_visits: int) -> None:
    assert 0.94 <= simulated_coverage(num_visits, [NOISE] * 5) <= 0.985


@pytest.mark.parametrize("num_visits", [2, 3, 5])
def test_a_curve_with_one_much_noisier_length_keeps_its_coverage(num_visits: int) -> None:
    assert simulated_coverage(num_visits, [5 * NOISE, NOISE, NOISE, NOISE]) >= 0.925


def test_borrowing_noise_makes_intervals_narrower() -> None:
    ratios = np.random.default_rng(1).standard_normal((300, 3)) * NOISE
    alone = [np.ptp(interval_ends(draw_deviations(row[None]))) for row in ratios]
    together = np.ptp(interval_ends(draw_deviations(ratios)), axis=1)
    assert together.mean() < 0.75 * np.mean(alone)


def test_the_interval_is_that_of_the_t_distribution() -> None:
    values = np.array([[0.1, 0.5, -0.2]])
    ((low, high),) = interval_ends(draw_deviations(values))
    half = 4.302653 * values.std(ddof=1) / np.sqrt(3)
    assert high == pytest.approx(half, rel=0.06)
    assert low == pytest.approx(-high)


def test_one_visit_among_lengths_with_several_borrows_all_its_noise() -> None:
    ratios = np.array([[0.3, np.nan, np.nan], [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]])
    widths = np.ptp(interval_ends(draw_deviations(ratios)), axis=1)
    assert BORROWED_DF > 0
    assert np.isfinite(widths).all()
    assert widths[0] > widths[1:].max()


def test_lengths_that_know_nothing_of_their_noise_get_no_deviation() -> None:
    deviations = draw_deviations(np.array([[0.3], [0.1]]))
    assert np.isnan(deviations).all()


def test_draws_are_the_same_every_time() -> None:
    ratios = np.array([[0.1, 0.2, 0.4], [0.5, 0.3, np.nan]])
    np.testing.assert_array_equal(draw_deviations(ratios), draw_deviations(ratios))


def test_scaling_both_sides_changes_no_ratio() -> None:
    ours, theirs = {0: 1.5, 2: 7.0}, {0: 3.0, 2: 2.0}
    scaled = [{visit: 1024 * value for visit, value in side.items()} for side in (ours, theirs)]
    assert paired_log_ratios(*scaled) == paired_log_ratios(ours, theirs)


@pytest.mark.parametrize(("num_samples", "expected"), [(3, 0), (5, 5), (9, 8)])
def test_blocks_are_four_to_eight(num_samples: int, expected: int) -> None:
    assert len(block_log_ratios([2.0] * num_samples, [1.0] * 50)) == expected


def test_blocks_are_contiguous_so_that_slow_drift_counts_as_noise() -> None:
    drifting = [1.0] * 20 + [2.0] * 20
    steady = [1.0] * 40
    assert block_log_ratios(drifting, steady) == pytest.approx([0.0] * 4 + [np.log(2)] * 4)
