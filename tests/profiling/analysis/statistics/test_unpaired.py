import numpy as np
import pytest
from scipy import stats

from profiling.analysis.statistics.unpaired import unpaired_intervals


def test_a_point_alone_has_the_interval_of_welch() -> None:
    generator = np.random.default_rng(3)
    ours, theirs = generator.normal(1.0, 0.1, 5), generator.normal(0.0, 0.4, 3)
    (difference,), (half,) = unpaired_intervals([ours], [theirs])
    expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert difference - half == pytest.approx(expected.low)
    assert difference + half == pytest.approx(expected.high)


def test_noise_of_other_points_narrows_what_two_visits_know() -> None:
    quiet, others = np.array([0.0, 0.02]), [np.array([0.0, 0.02, 0.01])] * 8
    _, alone = unpaired_intervals([quiet], [quiet])
    _, among = unpaired_intervals([quiet, *others], [quiet, *others])
    assert among[0] < alone[0] / 2


def test_noise_of_other_points_widens_what_agreed_by_luck() -> None:
    lucky, others = np.array([0.5, 0.5]), [np.array([0.0, 0.1, -0.1])] * 8
    (_, half) = unpaired_intervals([lucky, *others], [lucky, *others])
    assert half[0] > 0.05


@pytest.mark.parametrize("few", [np.array([]), np.array([0.1])])
def test_fewer_than_two_visits_know_nothing_whatever_the_others_lend(few: np.ndarray) -> None:
    full = np.array([0.0, 0.1, 0.2])
    _, halves = unpaired_intervals([few, full, full], [full, full, few])
    assert np.isnan(halves[[0, 2]]).all()
    assert halves[1] > 0


@pytest.mark.parametrize("visits", [2, 3, 5])
def test_the_interval_covers_the_truth_in_95_of_100_cases(visits: int) -> None:
    generator = np.random.default_rng(visits)
    noise = 0.02 * np.exp(generator.standard_normal((2000, 1)) / 2)
    ours, theirs = (noise * generator.standard_normal((2000, visits)) for _ in range(2))
    differences, halves = unpaired_intervals(list(ours), list(theirs))
    assert 0.95 <= np.mean(np.abs(differences) <= halves) <= 0.99
