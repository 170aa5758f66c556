"""The table of speakers who were never heard: its arithmetic, and what it says."""

import numpy as np
import pytest

from benchmarks.digits.intervals import error_over_speakers
from benchmarks.digits.power import power
from benchmarks.digits.speakers import table as speaker_table
from benchmarks.digits.speakers.table import ROWS, make_table, resample_speakers
from benchmarks.digits.table import BASELINE, CONTROL


def draw(rates, shape, seed=0):
    """Draw word errors of speakers who differ."""
    random = np.random.default_rng(seed)
    return [random.binomial(1, rate, size=shape) for rate in rates]


def test_the_interval_of_unseen_speakers_is_paired():
    errors = draw([0.3, 0.5, 0.2], (2, 30, 2))
    assert np.allclose(resample_speakers([2 * each for each in errors], errors), 2.0)


def test_the_interval_is_that_of_a_plain_loop_over_draws():
    ours, theirs = draw([0.5, 0.2], (2, 7, 3)), draw([0.4, 0.3], (2, 7, 3), 1)
    random = np.random.default_rng(9)
    ratios = []
    for _ in range(4_000):
        sums = np.zeros(2)
        for speaker in random.integers(2, size=2):
            seeds, words = random.integers(2, size=2), random.integers(7, size=7)
            for system, errors in enumerate((ours, theirs)):
                sums[system] += errors[speaker][seeds][:, words].sum()
        ratios.append(sums[0] / sums[1])
    quantiles = [0.1, 0.25, 0.5, 0.75, 0.9]
    found = np.quantile(resample_speakers(ours, theirs), quantiles)
    assert found == pytest.approx(np.quantile(ratios, quantiles), rel=0.04)


def test_speakers_who_disagree_widen_the_interval():
    alike = draw([0.4, 0.4, 0.4, 0.4], (2, 60, 1))
    apart = draw([0.2, 0.6, 0.3, 0.5], (2, 60, 1))
    widths = [
        np.diff(np.quantile(resample_speakers(errors, alike), [0.025, 0.975]))[0]
        for errors in (draw([0.4] * 4, (2, 60, 1), 5), apart)
    ]
    assert widths[1] > 1.5 * widths[0]


def draw_folds(*names, seeds=2):
    random = np.random.default_rng(2)
    return {
        name: {
            str(seed): {
                row: random.binomial(1, 0.5 if row == CONTROL else 0.3, size=(12, 2)).tolist()
                for row in ROWS
            }
            for seed in range(seeds)
        }
        for name in names
    }


def test_the_table_of_unseen_speakers_has_every_speaker_row_and_power():
    folds = draw_folds("bo", "ann")
    lines = make_table(folds).splitlines()
    assert lines[0].startswith("| model | ann | bo | mean | against HuBERT |")
    assert len(lines) == 2 + len(ROWS)
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    rate = np.mean([folds["ann"][seed][BASELINE] for seed in "01"])
    assert lines[2].split("|")[2].strip() == f"{rate:.1%}"
    assert not "".join(lines[2].split("|")[5:8]).strip()  # HuBERT is not compared with itself
    error = error_over_speakers(
        speaker_table.errors_of(folds, CONTROL), speaker_table.errors_of(folds, BASELINE)
    )
    control = lines[2 + list(ROWS).index(CONTROL)]
    assert control.rstrip("| ").endswith(f"{power(error.value, 0.05, error.freedom):.0%}")


def test_rows_that_a_trial_left_out_are_not_in_its_table():
    folds = draw_folds("ann", "bo")
    del folds["bo"]["1"]["lhubert-w32-trained"]
    assert len(make_table(folds).splitlines()) == 2 + len(ROWS) - 1


def test_models_that_guess_are_not_said_to_be_alike():
    folds = draw_folds("ann", "bo")
    for seeds in folds.values():
        for rows in seeds.values():
            rows |= {row: np.ones((12, 2), int).tolist() for row in rows}
    lines = make_table(folds).splitlines()
    assert all(line.endswith("| nothing: HuBERT guesses |  |") for line in lines[3:])


def test_one_speaker_alone_makes_no_interval():
    assert "one speaker" in make_table(draw_folds("ann"))
    assert "nan" not in make_table(draw_folds("ann", seeds=1))
