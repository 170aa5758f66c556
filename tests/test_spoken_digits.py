"""The table of spoken digits: its stages, its arithmetic, and what it says."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.digits import spoken_digits
from benchmarks.digits.errors import errors_of_recordings, errors_of_words, read_transcripts
from benchmarks.digits.power import Experiment, Scatter, find_scatter, needed, power
from benchmarks.digits.running import run
from benchmarks.digits.side_by_side import run_side_by_side
from benchmarks.digits.stages import ROUNDS, SAVED_EVERY, Stage, seed_stages, shared_stages
from benchmarks.digits.table import (
    BASELINE,
    FROM_START,
    ROWS,
    describe_power,
    make_table,
    resample_ratios,
    say,
    write_results,
)
from datamodules.composing.corpus import compose
from tests.samples.speech import write_sound

FEW = replace(spoken_digits.WHOLE, val_share=0.3, passes=1, test_passes=2)  # of few recordings
CORES = os.sched_getaffinity(0)
FEW_SHORT = replace(FEW, words_per_utterance=(1, 2))


def test_every_row_has_its_transcripts_and_every_model_the_same_rounds():
    names = [stage.name for stage in seed_stages(3, 1.0)]
    assert len(set(names)) == len(names)
    rows = {name.rpartition("/")[2] for name in names if "/transcripts/" in name}
    assert rows == set(ROWS)
    for model in ("hubert", "lhubert-w32", "lhubert-w100"):
        rounds = [name.split("/")[2] for name in names if name.startswith(f"seed-3/{model}/")]
        assert rounds == list(ROUNDS)


def test_a_seed_without_training_from_the_start_has_all_rows_that_begin_with_hubert():
    names = [stage.name for stage in seed_stages(3, 1.0, from_start=False)]
    assert {name.rpartition("/")[2] for name in names if "/transcripts/" in name} == {*ROWS} - {
        *FROM_START
    }
    assert names == [name for name in (each.name for each in seed_stages(3, 1.0)) if name in names]


def test_steps_are_multiples_of_those_after_which_is_saved():
    assert all(each.num_steps % SAVED_EVERY == 0 for each in ROUNDS.values())


@pytest.mark.torchaudio
def test_from_recordings_to_transcripts(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py"])
    for digit in (2, 7):
        for take in range(26):
            seed = 100 * digit + take
            write_sound(tmp_path / f"short/{digit}_ann_{take}.wav", 3_200, seed, 8_000)
    out = tmp_path / "out"
    compose(str(tmp_path / "short"), str(out / "corpus"), FEW)
    compose(str(tmp_path / "short"), str(out / "words"), FEW_SHORT)
    hubert = [
        stage
        for stage in seed_stages(0, 0.0)
        if "/hubert/" in stage.name or stage.name.endswith(("transcripts/hubert", "w2-converted"))
    ]
    assert len(hubert) == 6
    for stage in [*shared_stages(), *hubert]:
        run(stage, out)
    found = read_transcripts(out / "seed-0/transcripts/hubert/transcripts.tsv")
    wanted = read_transcripts(out / "corpus/test/transcripts.tsv")
    assert list(found) == sorted(wanted)
    assert sum(map(len, wanted.values())) == 2 * 20
    assert {word for words in wanted.values() for word in words} == {"TWO", "SEVEN"}
    done = (out / "seed-0/hubert/pretrain/done.json").read_text()
    for stage in hubert:  # nothing is done twice
        run(stage, out)
    assert (out / "seed-0/hubert/pretrain/done.json").read_text() == done
    assert json.loads(done)["minutes"] > 0


def test_a_stage_that_failed_is_not_done(tmp_path):
    stage = Stage("broken", lambda out: [["fit", "--config", str(out / "nowhere.yaml")]])
    with pytest.raises(SystemExit):
        run(stage, tmp_path)
    assert not (tmp_path / "broken").exists()


@pytest.mark.parametrize(
    ("hypothesis", "errors"),
    [
        ("SIX SIX TEN", [0, 0, 0]),
        ("SIX TEN TEN", [0, 1, 0]),
        ("", [1, 1, 1]),
        ("ONE SIX SIX TEN", [1, 0, 0]),
        ("SIX SIX TEN ONE TWO", [0, 0, 2]),
    ],
)
def test_errors_are_those_of_words(hypothesis, errors):
    assert errors_of_words(["SIX", "SIX", "TEN"], hypothesis.split()) == errors


WORD = st.sampled_from(["ONE", "TWO", "SIX"])


@given(st.lists(WORD, min_size=1, max_size=9), st.lists(WORD, max_size=9))
def test_errors_of_words_add_up_to_the_edit_distance(reference, hypothesis):
    row = list(range(len(hypothesis) + 1))  # distances of the plain recursion
    for count, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], count
        for place, heard in enumerate(hypothesis, 1):
            diagonal, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, diagonal + (word != heard)),
            )
    assert sum(errors_of_words(reference, hypothesis)) == row[-1]


def test_errors_belong_to_recordings_however_they_were_put_together():
    utterances = {
        "ann-0001.wav": [{"name": "2_ann_0"}, {"name": "7_ann_0"}],
        "ann-0000.wav": [{"name": "7_ann_0"}, {"name": "2_ann_0"}],
    }
    references = {"ann-0000.wav": ["SEVEN", "TWO"], "ann-0001.wav": ["TWO", "SEVEN"]}
    hypotheses = {"ann-0000.wav": ["SEVEN"], "ann-0001.wav": ["TWO", "SIX"]}
    assert errors_of_recordings(utterances, references, hypotheses) == [[1, 0], [0, 1]]


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


@pytest.mark.parametrize("name", ["seeds", "recordings", "compositions"])
def test_what_is_needed_is_the_smallest_number_that_suffices(name):
    there = Experiment(seeds=24, recordings=900, compositions=5)
    count = needed(SCATTER, there, name, 0.05)
    assert count is not None
    powers = [
        power(SCATTER.standard_error(replace(there, **{name: each})), 0.05)
        for each in (count - 1, count)
        if each
    ]
    assert powers[-1] >= 0.8
    assert all(each < 0.8 for each in powers[:-1])


def test_no_number_of_words_makes_up_for_seeds_that_lie_apart():
    apart = replace(SCATTER, of_seeds=0.01)
    there = Experiment(seeds=4, recordings=500, compositions=5)
    assert needed(apart, there, "recordings", 0.05) is None
    assert needed(apart, there, "compositions", 0.05) is None
    assert (needed(apart, there, "seeds", 0.05) or 0) > 4


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


SEED = """
import os
import sys
from pathlib import Path

out, seed = Path(sys.argv[1]), sys.argv[-1]
(out / seed).write_text(f"{len(os.sched_getaffinity(0))} {os.environ['OMP_NUM_THREADS']}")
sys.exit(3 if seed == "5" else 0)
"""


def test_seeds_run_on_a_core_of_their_own(tmp_path):
    (tmp_path / "seed.py").write_text(SEED)
    command = [str(tmp_path / "seed.py"), str(tmp_path), "--seeds"]
    assert run_side_by_side(command, [2, 4, 7]) == 0
    assert {(tmp_path / seed).read_text() for seed in "247"} == {"1 1"}


def test_a_seed_that_fails_is_the_last_to_begin(tmp_path, monkeypatch):
    (tmp_path / "seed.py").write_text(SEED)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {min(CORES)})
    command = [str(tmp_path / "seed.py"), str(tmp_path), "--seeds"]
    assert run_side_by_side(command, [5, 2]) == 3
    assert not (tmp_path / "2").exists()


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
