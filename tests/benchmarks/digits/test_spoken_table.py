"""The table of spoken digits: intervals, what they say, and which seeds are in it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.digits import spoken_digits
from benchmarks.digits.results import write_results
from benchmarks.digits.table import (
    BASELINE,
    FROM_START,
    ROWS,
    describe_power,
    make_table,
    resample_ratios,
    say,
)
from datamodules.composing.corpus import compose
from tests.samples.recordings.speech import write_sound

FEW = replace(spoken_digits.WHOLE, val_share=0.3, passes=1, test_passes=2)  # of few recordings


def test_the_interval_of_a_ratio_is_paired():
    errors = np.random.default_rng(0).integers(0, 9, size=(3, 50))
    assert np.allclose(resample_ratios(2 * errors, errors), 2.0)
    composed = np.stack([errors, 0 * errors], 2)  # of two compositions, one without errors
    assert np.allclose(resample_ratios(composed, errors), 1.0)
    shuffled = np.random.default_rng(1).permutation(errors.T).T
    low, high = np.quantile(resample_ratios(shuffled, errors), [0.025, 0.975])
    assert low < 1 < high


def test_the_interval_covers_the_true_ratio_as_often_as_it_says():
    random = np.random.default_rng(5)
    covered = 0
    for trial in range(60):
        hard = random.gamma(2.0, 1.0, size=80)
        ours, theirs = (random.poisson(rate * hard, size=(3, 80)) for rate in (1.3, 1.0))
        low, high = np.quantile(resample_ratios(ours, theirs, trial), [0.025, 0.975])
        covered += low < 1.3 < high
    assert covered >= 50


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.7, 0.9, "better"),
        (0.98, 1.04, "within 5 %"),
        (0.9, 1.2, "cannot tell"),
        (1.01, 1.2, "worse, by how much it cannot tell"),
        (1.1, 1.4, "worse"),
    ],
)
def test_an_interval_is_put_into_words(low, high, words):
    assert say(low, high) == words


def draw_seeds(*seeds: int):
    random = np.random.default_rng(2)
    return {
        str(seed): {
            row: random.integers(0, 4 if row == BASELINE else 6, size=(12, 2)).tolist()
            for row in ROWS
        }
        for seed in seeds
    }


def test_the_table_has_a_line_for_every_row():
    seeds = draw_seeds(0, 1)
    lines = make_table(seeds).splitlines()
    assert len(lines) == 2 + len(ROWS)
    rate = np.sum(seeds["1"][BASELINE]) / 24
    assert f"| {rate:.1%} |" in lines[2]
    assert all(line.count("|") == lines[0].count("|") for line in lines)


def test_a_row_that_some_seeds_lack_is_compared_by_the_seeds_that_have_it():
    seeds = draw_seeds(0, 1, 2, 3)
    both = {seed: seeds[seed] for seed in ("1", "3")}
    for seed in ("0", "2"):
        seeds[seed] = {row: errors for row, errors in seeds[seed].items() if row not in FROM_START}
    lines, alone = make_table(seeds).splitlines(), make_table(both).splitlines()
    for row in FROM_START:
        cells = lines[2 + list(ROWS).index(row)].split("|")
        assert [not cell.strip() for cell in cells[2:6]] == [True, False, True, False]
        assert cells[6:] == alone[2 + list(ROWS).index(row)].split("|")[4:]
    without = {seed: seeds[seed] for seed in ("0", "2")}
    assert len(make_table(without).splitlines()) == 2 + len(ROWS) - len(FROM_START)
    assert len(describe_power(without).strip().splitlines()) == 4 + len(ROWS) - 2 - len(FROM_START)


def test_the_head_of_the_table_says_what_it_would_take():
    lines = describe_power(draw_seeds(0, 1, 2)).strip().splitlines()
    assert lines[0].startswith("Power is the probability")
    assert len(lines) == 4 + len(ROWS) - 2  # neither HuBERT nor the control
    assert "One seed" in describe_power(draw_seeds(0))
    assert make_table(draw_seeds(0)).count("nan") == 0


@pytest.mark.torchaudio
def test_results_of_other_conditions_are_not_mixed(tmp_path):
    short = tmp_path / "short"
    for take in range(40):
        write_sound(short / f"1_ann_{take}.wav", 3_200, take, 8_000)
    out = tmp_path / "out"
    compose(str(short), str(out / "corpus"), FEW)
    (tmp_path / "results").mkdir()
    path = tmp_path / "results/spoken_digits.json"
    path.write_text(json.dumps({"corpus": {}, "rounds": {}, "seeds": {"9": {}}}))
    write_results(out, path.parent)
    assert json.loads(path.read_text())["seeds"] == {}
    assert not Path(path.with_suffix(".md")).exists()
