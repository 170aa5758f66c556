"""The table of spoken digits: its stages, its arithmetic, and what it says."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import spoken_digits
from benchmarks.digits.stages import ROUNDS, SAVED_EVERY, Stage, seed_stages, shared_stages
from benchmarks.digits.table import (
    BASELINE,
    ROWS,
    count_errors,
    make_table,
    read_transcripts,
    resample_ratios,
    say,
    write_results,
)
from datamodules.composing.corpus import compose
from tests.samples.speech import write_sound

FEW = replace(spoken_digits.WHOLE, val_share=0.3, passes=1)  # of few recordings
FEW_SHORT = replace(FEW, words_per_utterance=(1, 2))


def test_every_row_has_its_transcripts_and_every_model_the_same_rounds():
    names = [stage.name for stage in seed_stages(3, 1.0)]
    assert len(set(names)) == len(names)
    rows = {name.rpartition("/")[2] for name in names if "/transcripts/" in name}
    assert rows == set(ROWS)
    for model in ("hubert", "lhubert-w32", "lhubert-w100"):
        rounds = [name.split("/")[2] for name in names if name.startswith(f"seed-3/{model}/")]
        assert rounds == list(ROUNDS)


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
        spoken_digits.run(stage, out)
    found = read_transcripts(out / "seed-0/transcripts/hubert/transcripts.tsv")
    wanted = read_transcripts(out / "corpus/test/transcripts.tsv")
    assert list(found) == sorted(wanted)
    assert sum(map(len, wanted.values())) == 20
    assert {word for words in wanted.values() for word in words} == {"TWO", "SEVEN"}
    done = (out / "seed-0/hubert/pretrain/done.json").read_text()
    for stage in hubert:  # nothing is done twice
        spoken_digits.run(stage, out)
    assert (out / "seed-0/hubert/pretrain/done.json").read_text() == done
    assert json.loads(done)["minutes"] > 0


def test_a_stage_that_failed_is_not_done(tmp_path):
    stage = Stage("broken", lambda out: [["fit", "--config", str(out / "nowhere.yaml")]])
    with pytest.raises(SystemExit):
        spoken_digits.run(stage, tmp_path)
    assert not (tmp_path / "broken").exists()


@pytest.mark.torchaudio
def test_errors_are_counted_by_hand():
    references = {"b": ["ONE", "TWO"], "a": ["SIX", "SIX", "TEN"]}
    hypotheses = {"a": ["SIX", "TEN"], "b": ["ONE", "TWO"]}
    assert count_errors(references, hypotheses) == [1, 0]
    assert count_errors(references, {"a": [], "b": ["ONE", "TOO", "TWO"]}) == [3, 1]


def test_the_interval_of_a_ratio_is_paired():
    errors = np.random.default_rng(0).integers(0, 9, size=(3, 50))
    assert np.allclose(resample_ratios(2 * errors, errors), 2.0)
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


def test_the_table_has_a_line_for_every_row():
    random = np.random.default_rng(2)
    seeds = {
        str(seed): {
            row: random.integers(1, 4 if row == BASELINE else 6, size=12).tolist() for row in ROWS
        }
        for seed in (0, 1)
    }
    lines = make_table(seeds, [10] * 12).splitlines()
    assert len(lines) == 2 + len(ROWS)
    rate = sum(seeds["1"][BASELINE]) / 120
    assert f"| {rate:.1%} |" in lines[2]
    assert all(line.count("|") == lines[0].count("|") for line in lines)


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
