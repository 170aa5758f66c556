"""Intervals of a ratio of errors from few seeds or speakers hold what they promise."""

import numpy as np
import pytest

from benchmarks.digits import table
from benchmarks.digits.intervals import (
    StandardError,
    error_over_seeds,
    error_over_speakers,
    interval_of,
)
from benchmarks.digits.table import resample_ratios

APART = 0.3  # standard deviation of the log ratio from seed to seed, or from speaker to speaker


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Spend little time on a bootstrap."""
    monkeypatch.setattr(table, "NUM_RESAMPLES", 300)


def draw(random, num_seeds: int, apart: float = APART, num_words: int = 120):
    """Draw errors of two systems that are alike in the mean; words are hard or easy for both."""
    hard = random.gamma(1.0, 1.0, size=num_words)
    effects = np.exp(random.normal(0, apart, size=(num_seeds, 1)))
    return random.poisson(3 * hard * effects), random.poisson(3 * hard, size=(num_seeds, num_words))


def covers(ends: tuple[float, float]) -> bool:
    return ends[0] <= 1 <= ends[1]


@pytest.mark.parametrize("num_seeds", [2, 3, 5])
def test_few_seeds_that_lie_apart_make_an_interval_wide_enough(num_seeds):
    random = np.random.default_rng(num_seeds)
    plain = widened = 0
    for _ in range(150):
        ours, theirs = draw(random, num_seeds)
        ratios = resample_ratios(ours, theirs)
        low, high = np.quantile(ratios, [0.025, 0.975])
        plain += covers((low, high))
        error = error_over_seeds(ours, theirs)
        widened += covers(interval_of(ours.sum() / theirs.sum(), ratios, error))
    assert widened / 150 > 0.92
    assert plain / 150 < widened / 150 - 0.03


def test_many_seeds_leave_the_bootstrap_as_it_is():
    random = np.random.default_rng(0)
    ours, theirs = draw(random, 40, 0.02)
    ratios, error = resample_ratios(ours, theirs), error_over_seeds(ours, theirs)
    ends = interval_of(ours.sum() / theirs.sum(), ratios, error)
    assert np.log(ends) == pytest.approx(np.log(np.quantile(ratios, [0.025, 0.975])), abs=0.01)


def test_a_single_seed_is_judged_by_its_recordings():
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(150):
        ours, theirs = draw(random, 1, 0.0)
        ratios, error = resample_ratios(ours, theirs), error_over_seeds(ours, theirs)
        hits += covers(interval_of(ours.sum() / theirs.sum(), ratios, error))
    assert hits / 150 > 0.9


def test_few_speakers_who_differ_are_known_to_be_few():
    random = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        both = [draw(random, 1, num_words=100 + 20 * speaker) for speaker in range(5)]
        ours, theirs = ([each[system] for each in both] for system in (0, 1))
        error = error_over_speakers(ours, theirs)
        assert error.freedom == 4
        ratio = sum(each.sum() for each in ours) / sum(each.sum() for each in theirs)
        hits += abs(np.log(ratio)) < error.half_width
    assert 0.9 < hits / 200 < 0.99


@pytest.mark.parametrize("ratios", [np.full(9, 2.0), np.array([0.0, 0.5, 1.0])])
def test_ratios_that_have_no_spread_or_no_logarithm_are_left_alone(ratios):
    low, high = interval_of(1.0, ratios, StandardError(1.0, 1))
    assert (low, high) == pytest.approx(np.quantile(ratios, [0.025, 0.975]))
