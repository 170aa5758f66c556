"""Whether the power of the table of spoken digits is that of repeating the experiment."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from benchmarks.digits.power import Experiment, Scatter, find_scatter, needed, power


def simulate(random, scatter: Scatter, experiment: Experiment):
    """Draw errors of two systems that are alike, whose ratio scatters as told."""
    shape = (experiment.seeds, experiment.recordings, experiment.compositions)
    sizes = {
        (shape[0], 1, 1): scatter.of_seeds,
        (1, shape[1], 1): scatter.of_recordings,
        (1, *shape[1:]): scatter.of_utterances,
        shape: scatter.of_rest,
    }
    pulls = sum(random.normal(0, variance**0.5, size) for size, variance in sizes.items())
    return 10 * (1 + pulls), np.full(shape, 10.0)


SCATTER = Scatter(of_seeds=0.002, of_recordings=0.03, of_utterances=0.05, of_rest=0.02)


def test_the_scatter_is_found_again_in_errors_that_were_drawn_from_it():
    random = np.random.default_rng(3)
    experiment = Experiment(seeds=6, recordings=40, compositions=3)
    found = [find_scatter(*simulate(random, SCATTER, experiment)) for _ in range(60)]
    for name, wanted in asdict(SCATTER).items():
        assert np.mean([getattr(each, name) for each in found]) == pytest.approx(wanted, rel=0.25)


def test_repeating_the_whole_experiment_scatters_as_foreseen():
    random = np.random.default_rng(4)
    experiment = Experiment(seeds=3, recordings=20, compositions=4)
    ratios = [
        np.log(ours.sum() / theirs.sum())
        for ours, theirs in (simulate(random, SCATTER, experiment) for _ in range(400))
    ]
    assert np.std(ratios) == pytest.approx(SCATTER.standard_error(experiment), rel=0.1)


def test_power_is_how_often_equal_systems_are_shown_to_be_within_the_margin():
    random = np.random.default_rng(6)
    ends = random.normal(0, 0.02, 4_000) + 1.96 * 0.02
    assert power(0.02, 0.05) == pytest.approx(np.mean(ends < np.log(1.05)), abs=0.03)
    assert power(0.0, 0.05) == 1.0
    assert power(0.1, 0.05) < power(0.01, 0.05)
    assert power(0.02, 0.05, freedom=4) < power(0.02, 0.05)


@pytest.mark.parametrize("name", ["seeds", "recordings", "compositions"])
def test_what_is_needed_is_the_smallest_number_that_suffices(name):
    there = Experiment(seeds=24, recordings=900, compositions=5)
    count = needed(SCATTER, there, name, 0.05)
    assert count is not None
    larger = [replace(there, **{name: each}) for each in (count - 1, count) if each]
    powers = [power(SCATTER.standard_error(each), 0.05, SCATTER.freedom(each)) for each in larger]
    assert powers[-1] >= 0.8
    assert all(each < 0.8 for each in powers[:-1])


def test_the_freedom_is_that_of_what_scatters_most():
    there = Experiment(seeds=6, recordings=40, compositions=3)
    of_seeds = Scatter(of_seeds=1.0, of_recordings=1e-9, of_utterances=0, of_rest=0)
    assert of_seeds.freedom(there) == pytest.approx(5)
    of_recordings = Scatter(of_seeds=0, of_recordings=1.0, of_utterances=0, of_rest=1e-9)
    assert of_recordings.freedom(there) == pytest.approx(39)
    assert SCATTER.freedom(replace(there, seeds=1)) >= 1


def test_no_number_of_words_makes_up_for_seeds_that_lie_apart():
    apart = replace(SCATTER, of_seeds=0.01)
    there = Experiment(seeds=4, recordings=500, compositions=5)
    assert needed(apart, there, "recordings", 0.05) is None
    assert needed(apart, there, "compositions", 0.05) is None
    assert (needed(apart, there, "seeds", 0.05) or 0) > 4
